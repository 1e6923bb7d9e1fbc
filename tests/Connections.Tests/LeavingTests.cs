using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>Which connections leave HTTP after the upgrade, and that they live on without it.</summary>
public class LeavingTests
{
    [Theory]
    [InlineData(Path.Polled, true)]
    [InlineData(Path.Layered, false)]
    [InlineData(Path.Portable, false)]
    public async Task Only_on_the_polled_path_the_request_ends_while_the_connection_lives(Path path, bool ends)
    {
        var requests = new Requests();
        await using var server = await Server.StartAsync(path, app =>
        {
            app.Use(requests.Watch);
            app.MapConnections("/ws", Server.Echo);
        });
        await AssertLeavesAsync(server, requests, ends);
    }

    [Theory]
    [InlineData(Path.Polled, null, true)]
    [InlineData(Path.Polled, 100L, false)] // a bound that the server could not keep
    [InlineData(Path.Layered, null, false)]
    [InlineData(Path.Portable, null, false)]
    public async Task On_Linux_a_polled_connection_leaves_the_server(Path path, long? most, bool leaves)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Pollers are for Linux.");
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await Server.StartAsync(path, app => app.MapConnections("/ws", Server.Echo),
            build: builder => builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxConcurrentConnections = most),
            listen: endpoint => endpoint.Use(next => context =>
            {
                context.ConnectionClosed.Register(() => left.TrySetResult());
                return next(context);
            }));
        using var client = await server.ConnectRawAsync();
        if (leaves)
            await left.Task.Within();
        await client.SendTextAsync("still here");
        Assert.Equal("still here", await client.ReceiveTextAsync());
        Assert.Equal(leaves, left.Task.IsCompleted);
        await client.SendAsync(RawClient.Close(1000));
        await client.ReceiveCloseAsync(1000, answer: false);
        await client.ReceiveEndAsync();
        await left.Task.Within();
    }

    [Fact]
    public async Task The_request_is_garbage_while_the_connection_lives()
    {
        var requests = new Requests();
        await using var server = await Server.StartAsync(Path.Polled, app =>
        {
            app.Use(requests.Watch);
            app.MapConnections("/ws", Server.Echo);
        });
        using var client = await server.ConnectRawAsync();
        await requests.Ended.Task.Within();
        for (int i = 0; i < 100 && requests.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(10);
        }
        Assert.False(requests.IsAlive);
        await client.SendTextAsync("still here");
        Assert.Equal("still here", await client.ReceiveTextAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task It_does_not_matter_whether_the_server_or_we_are_set_up_first(bool serverFirst)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The transport is for Linux.");
        var requests = new Requests();
        string path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"realtime-{Guid.NewGuid():N}.sock");
        var builder = WebApplication.CreateEmptyBuilder(new());
        void UseServer() => builder.WebHost.UseKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.ListenUnixSocket(path);
        });
        if (serverFirst)
            UseServer();
        builder.Services.AddRoutingCore();
        builder.Services.AddRealtimeConnections();
        if (!serverFirst)
            UseServer();
        await using var app = builder.Build();
        app.Use(requests.Watch);
        app.UseRouting();
        app.MapConnections("/ws", Server.Echo);
        await app.StartAsync().Within();
        var address = new Uri(app.Urls.First(url => !url.Contains("unix", StringComparison.Ordinal)));
        using (var client = await RawClient.ConnectAsync(new(IPAddress.Loopback, address.Port)))
        {
            await requests.Ended.Task.Within(); // it has left
            await client.SendTextAsync("x");
            Assert.Equal("x", await client.ReceiveTextAsync());
        }
        // Other endpoints are the server's own.
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path)).Within();
            await socket.SendAsync("GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
            var answer = new byte[1000];
            Assert.StartsWith("HTTP/1.1 404 ", Encoding.ASCII.GetString(answer, 0, await socket.ReceiveAsync(answer).Within()));
        }
        await app.StopAsync().Within();
    }

    [Fact]
    public async Task A_connection_may_leave_after_other_requests()
    {
        var requests = new Requests();
        await using var server = await Server.StartAsync(Path.Polled, app =>
        {
            app.Map("/get", get => get.Run(context => context.Response.WriteAsync("got")));
            app.Use(requests.Watch);
            app.MapConnections("/ws", Server.Echo);
        });
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync([
            .. "GET /get HTTP/1.1\r\nHost: localhost\r\n\r\n"u8,
            .. Encoding.ASCII.GetBytes(RawClient.UpgradeRequest()),
            .. RawClient.Text("along"),
        ]);
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync());
        Assert.Equal("3\r\ngot\r\n0\r\n\r\n", await client.ReadTextAsync(13));
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync());
        Assert.Equal("along", await client.ReceiveTextAsync());
        await requests.Ended.Task.Within();
    }

    [Theory, Combinatorial<Path>]
    public async Task Limits_that_are_meant_for_requests_do_not_end_it(Path path)
    {
        await using var server = await Server.EchoAsync(path, build: builder => builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(1);
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(1);
            kestrel.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 100_000, gracePeriod: TimeSpan.FromSeconds(1.1));
            kestrel.Limits.MinResponseDataRate = new(bytesPerSecond: 100_000, gracePeriod: TimeSpan.FromSeconds(1.1));
            kestrel.Limits.MaxRequestBodySize = 100;
        }));
        using var client = await server.ConnectRawAsync();
        await client.SendTextAsync(new string('x', 1000));
        Assert.Equal(1000, (await client.ReceiveTextAsync()).Length);
        await Task.Delay(3500); // the server's own clock keeps these limits, to a second each
        await client.SendTextAsync("still here");
        Assert.Equal("still here", await client.ReceiveTextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task The_servers_bound_on_upgraded_connections_holds(Path path)
    {
        await using var server = await Server.EchoAsync(path, build: builder => builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxConcurrentUpgradedConnections = 2));
        using var first = await server.ConnectRawAsync();
        using var second = await server.ConnectRawAsync();
        await Waiting.Until(() => server.Registry.Count == 2);
        using (var third = await RawClient.OpenAsync(server.EndPoint))
        {
            await third.SendAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest()));
            Assert.StartsWith("HTTP/1.1 503 ", await third.ReadHeadAsync());
        }
        await second.SendAsync(RawClient.Close(1000));
        await second.ReceiveCloseAsync(1000, answer: false);
        await Waiting.Until(() => server.Registry.Count == 1);
        using var again = await ConnectWhenThereIsRoomAsync(server);
        await first.SendTextAsync("x");
        Assert.Equal("x", await first.ReceiveTextAsync());
    }

    [Fact]
    public async Task Other_requests_are_served_as_ever()
    {
        await using var server = await Server.StartAsync(Path.Polled, app => app.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            string body = await reader.ReadToEndAsync();
            await context.Response.WriteAsync($"{context.Request.Method} {body}");
        }));
        using var http = new HttpClient { BaseAddress = server.Address };
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal("GET ", await http.GetStringAsync("/"));
            string large = new('x', i * 50_000);
            using var response = await http.PostAsync("/", new StringContent(large));
            Assert.Equal("POST " + large, await response.Content.ReadAsStringAsync());
        }
    }

    [Theory, Combinatorial<Path>]
    public async Task A_large_message_may_follow_the_upgrade_request_at_once(Path path)
    {
        await using var server = await Server.EchoAsync(path);
        using var client = await RawClient.OpenAsync(server.EndPoint);
        var sending = client.SendAsync([.. Encoding.ASCII.GetBytes(RawClient.UpgradeRequest()), .. RawClient.Text(new string('x', 1_000_000))]);
        Assert.StartsWith("HTTP/1.1 101", await client.ReadHeadAsync());
        Assert.Equal(1_000_000, (await client.ReceiveTextAsync()).Length);
        await sending;
    }

    private static async Task AssertLeavesAsync(Server server, Requests requests, bool ends)
    {
        using var client = await server.ConnectRawAsync();
        await client.SendTextAsync("x");
        Assert.Equal("x", await client.ReceiveTextAsync());
        if (ends)
            await requests.Ended.Task.Within();
        Assert.Equal(ends, requests.Ended.Task.IsCompleted);
        await client.SendTextAsync("y");
        Assert.Equal("y", await client.ReceiveTextAsync());
        await client.SendAsync(RawClient.Close(1000));
        await client.ReceiveCloseAsync(1000, answer: false);
        await client.ReceiveEndAsync();
        await requests.Ended.Task.Within();
    }

    private static async Task<RawClient> ConnectWhenThereIsRoomAsync(Server server)
    {
        // The count goes down a moment after the connection has left the registry.
        while (true)
        {
            var client = await RawClient.OpenAsync(server.EndPoint);
            await client.SendAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest()));
            if ((await client.ReadHeadAsync()).StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
                return client;
            client.Dispose();
        }
    }

    /// <summary>Middleware that sees when a request ends and whether it can be collected.</summary>
    private sealed class Requests
    {
        private WeakReference? _features;

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsAlive
        {
            [MethodImpl(MethodImplOptions.NoInlining)]
            get => _features!.IsAlive;
        }

        public async Task Watch(HttpContext context, RequestDelegate next)
        {
            // Kestrel's protocol object, with all that belongs to the HTTP connection.
            _features = new WeakReference(context.Features.Get<IHttpRequestFeature>());
            await next(context);
            Ended.TrySetResult();
        }
    }
}
