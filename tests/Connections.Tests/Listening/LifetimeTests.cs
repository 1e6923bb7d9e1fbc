using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Realtime.Connections.Tests.Support;

namespace Realtime.Connections.Tests.Listening;

/// <summary>How connections begin and end, and what others notice of it.</summary>
public class LifetimeTests
{
    private static readonly byte[] s_get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray();

    [Theory, Combinatorial<Carrier>("reset", "close")]
    public async Task A_client_that_goes_aborts_its_request(Carrier carrier, string way)
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            context.RequestAborted.Register(() => aborted.TrySetResult());
            begun.TrySetResult();
            await aborted.Task;
        });
        using (var client = await RawClient.OpenAsync(server.EndPoint))
        {
            await client.SendAsync(s_get);
            await begun.Task.Within();
            if (way == "reset")
                client.Socket.LingerState = new(true, 0);
        }
        await aborted.Task.Within();
    }

    [Theory, Combinatorial<Carrier>]
    public async Task A_client_that_goes_before_its_request_was_read_aborts_it(Carrier carrier)
    {
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            context.RequestAborted.Register(() => aborted.TrySetResult());
            await aborted.Task;
        });
        using (var client = await RawClient.OpenAsync(server.EndPoint))
            await client.SendAsync(s_get);
        await aborted.Task.Within();
    }

    [Theory, Combinatorial<Carrier>]
    public async Task A_request_that_the_application_aborts_ends_its_connection(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync(s_get);
        Assert.Equal("", await client.ReadHeadAsync());
    }

    [Theory, Combinatorial<Carrier>]
    public async Task Reads_and_writes_end_when_the_peer_goes(Carrier carrier)
    {
        var ends = new ConcurrentQueue<string>();
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            try
            {
                if (context.Request.Method == "POST")
                    while (await context.Request.Body.ReadAsync(new byte[1000]) > 0)
                    {
                    }
                else
                    while (!context.RequestAborted.IsCancellationRequested)
                        await context.Response.Body.WriteAsync(new byte[100_000], context.RequestAborted);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
            }
            ends.Enqueue(context.Request.Method);
        });
        for (int i = 0; i < 5; i++)
        {
            using (var uploads = await RawClient.OpenAsync(server.EndPoint))
                await uploads.SendAsync("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc"u8.ToArray());
            using var downloads = await RawClient.OpenAsync(server.EndPoint);
            await downloads.SendAsync(s_get);
            await downloads.ReadHeadAsync();
        }
        await Waiting.Until(() => ends.Count == 10);
    }

    [Fact]
    public async Task An_answer_of_which_nothing_is_read_does_not_keep_its_connection()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await HttpServer.StartAsync(Carrier.Polled, async context =>
        {
            context.Features.GetRequiredFeature<IConnectionLifetimeFeature>().ConnectionClosed.Register(ended.SetResult);
            await context.Response.Body.WriteAsync(new byte[32 * 1024 * 1024]); // more than any socket buffer
        }, kestrel => kestrel.ApplicationServices.GetRequiredService<IOptions<SocketTransportOptions>>().Value.MaxWriteBufferSize = null); // HTTP is done at once
        using var client = await RawClient.OpenAsync(server.EndPoint, receiveBuffer: 4096);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray());
        await ended.Task.Within(60);
    }

    [Theory, Combinatorial<Carrier>]
    public async Task The_bound_on_connections_holds(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, context => context.Response.WriteAsync("x"), kestrel => kestrel.Limits.MaxConcurrentConnections = 2);
        using var first = await RawClient.OpenAsync(server.EndPoint);
        using var second = await RawClient.OpenAsync(server.EndPoint);
        foreach (var client in new[] { first, second })
        {
            await client.SendAsync(s_get);
            Assert.Equal("x", await HttpTests.ReadAnswerAsync(client));
        }
        using (var third = await RawClient.OpenAsync(server.EndPoint))
        {
            await third.SendIfOpenAsync(s_get);
            Assert.Equal("", await third.ReadHeadAsync());
        }
        first.Dispose();
        string head = "";
        for (int i = 0; i < 500 && head == ""; i++)
        {
            using var again = await RawClient.OpenAsync(server.EndPoint);
            await again.SendIfOpenAsync(s_get);
            head = await again.ReadHeadAsync();
        }
        Assert.StartsWith("HTTP/1.1 200 ", head);
    }

    [Theory, Combinatorial<Carrier>]
    public async Task A_server_that_stops_answers_what_is_under_way_and_ends_what_is_idle(Carrier carrier)
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            if (context.Request.Path == "/slow")
            {
                begun.SetResult();
                await go.Task;
            }
            await context.Response.WriteAsync("done");
        });
        using var idle = await RawClient.OpenAsync(server.EndPoint);
        await idle.SendAsync(s_get);
        Assert.Equal("done", await HttpTests.ReadAnswerAsync(idle));
        using var busy = await RawClient.OpenAsync(server.EndPoint);
        await busy.SendAsync("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
        await begun.Task.Within();
        var stopping = server.StopAsync();
        await idle.ReceiveEndAsync();
        go.SetResult();
        Assert.Equal("done", await HttpTests.ReadAnswerAsync(busy));
        await busy.ReceiveEndAsync();
        await stopping.Within();
        await Assert.ThrowsAnyAsync<SocketException>(() => RawClient.OpenAsync(server.EndPoint));
    }

    [Theory, Combinatorial<Carrier>]
    public async Task What_never_ends_is_cut_when_the_server_has_waited_long_enough(Carrier carrier)
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            begun.SetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync(s_get);
        await begun.Task.Within();
        using var now = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await server.StopAsync(now.Token).Within(30);
        Assert.Equal("", await client.ReadHeadAsync());
    }

    [Theory, Combinatorial<Carrier>("127.0.0.1", "::1", "0.0.0.0", "::")]
    public async Task Addresses_are_told_as_they_are(Carrier carrier, string listensAt)
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6 || !listensAt.Contains(':'), "There is no IPv6.");
        await using var server = await HttpServer.StartAsync(carrier, context => context.Response.WriteAsync(
            $"{context.Connection.RemoteIpAddress} {context.Connection.RemotePort} {context.Connection.LocalIpAddress} {context.Connection.LocalPort}"),
            address: IPAddress.Parse(listensAt));
        int port = server.Address.Port;
        string[] clients = listensAt switch { "::" => ["127.0.0.1", "::1"], "0.0.0.0" => ["127.0.0.1"], _ => [listensAt] };
        foreach (string address in clients)
        {
            using var socket = new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Parse(address), port);
            await socket.SendAsync("GET / HTTP/1.0\r\n\r\n"u8.ToArray());
            var answer = new MemoryStream();
            var buffer = new byte[4096];
            while (await socket.ReceiveAsync(buffer).Within() is > 0 and int read)
                answer.Write(buffer, 0, read);
            string shown = listensAt == "::" && !address.Contains(':') ? "::ffff:" + address : address;
            int own = ((IPEndPoint)socket.LocalEndPoint!).Port;
            Assert.EndsWith($"\r\n\r\n{shown} {own} {shown} {port}", Encoding.ASCII.GetString(answer.ToArray()));
        }
    }

    [Theory, Combinatorial<Carrier>]
    public async Task An_address_in_use_is_told(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, _ => Task.CompletedTask);
        int port = server.Address.Port;
        var failure = await Assert.ThrowsAsync<IOException>(() => HttpServer.StartAsync(carrier, _ => Task.CompletedTask, kestrel => kestrel.ListenLocalhost(port)));
        Assert.Contains("address already in use", failure.Message);
    }

    [Theory, Combinatorial<Carrier>]
    public async Task Connections_that_always_have_something_leave_others_their_turn(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, context => context.Response.WriteAsync("x"));
        using var stop = new CancellationTokenSource();
        var pipelined = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000)));
        var floods = Enumerable.Range(0, 2 * Environment.ProcessorCount).Select(_ => Task.Run(async () =>
        {
            using var client = await RawClient.OpenAsync(server.EndPoint);
            async Task ReceiveAsync()
            {
                var buffer = new byte[64 * 1024];
                while (await client.Socket.ReceiveAsync(buffer, stop.Token) > 0)
                {
                }
            }
            async Task SendAsync()
            {
                while (true)
                    for (int sent = 0; sent < pipelined.Length;)
                        sent += await client.Socket.SendAsync(pipelined.AsMemory(sent), stop.Token);
            }
            await Task.WhenAll(ReceiveAsync(), SendAsync()).ContinueWith(_ => { }, TaskScheduler.Default);
        })).ToArray();
        try
        {
            for (int i = 0; i < 30; i++)
            {
                using var polite = await RawClient.OpenAsync(server.EndPoint);
                await polite.SendAsync(s_get);
                Assert.Equal("x", await HttpTests.ReadAnswerAsync(polite));
            }
        }
        finally
        {
            await stop.CancelAsync();
        }
        await Task.WhenAll(floods).Within(30);
    }

    [Theory, Combinatorial<Carrier>]
    public async Task The_features_of_a_connection_are_there(Carrier carrier)
    {
        string told = "";
        await using var server = await HttpServer.StartAsync(carrier, context => context.Response.WriteAsync("x"), listen: listen => listen.Use(next => async context =>
        {
            Type[] expected =
            [
                typeof(IConnectionIdFeature), typeof(IConnectionTransportFeature), typeof(IConnectionItemsFeature), typeof(IConnectionLifetimeFeature),
                typeof(IConnectionHeartbeatFeature), typeof(IConnectionLifetimeNotificationFeature), typeof(IConnectionCompleteFeature), typeof(IMemoryPoolFeature),
            ];
            told = string.Join(", ", expected.Where(feature => context.Features[feature] is null).Select(feature => feature.Name));
            int before = context.Features.Revision;
            context.Features.Set(context);
            if (context.Features.Get<ConnectionContext>() != context || context.Features.Revision == before || !context.Features.Any(feature => feature.Key == typeof(ConnectionContext)))
                told += " set";
            context.Items["key"] = "value";
            if (context.Features.Get<IConnectionItemsFeature>()!.Items["key"] as string != "value" || context.ConnectionId.Length != 13)
                told += " items";
            await next(context);
        }));
        using var http = server.Client();
        Assert.Equal("x", await http.GetStringAsync("/"));
        Assert.Equal("", told);
    }
}
