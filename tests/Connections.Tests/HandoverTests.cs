using System.Globalization;
using System.Net;
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
public class HandoverTests
{
    [Theory]
    [InlineData(Path.Polled, true)]
    [InlineData(Path.Quick, true)]
    [InlineData(Path.Portable, false)]
    public async Task Only_on_the_quick_path_the_request_ends_while_the_connection_lives(Path path, bool ends)
    {
        var requests = new Requests();
        await using var server = await Server.StartAsync(path, app =>
        {
            app.Use(requests.Watch);
            app.MapConnections("/ws", Server.Echo);
        });
        await AssertHandedOverAsync(server, requests, ends);
    }

    [Theory]
    [InlineData(Path.Polled, null, true)]
    [InlineData(Path.Polled, 100L, false)] // a bound that the server could not keep
    [InlineData(Path.Quick, null, false)]
    public async Task On_Linux_a_polled_connection_leaves_the_server_too(Path path, long? most, bool leaves)
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
    public async Task A_polled_socket_is_watched_by_its_poller_only()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Pollers are for Linux.");
        await using var server = await Server.EchoAsync(Path.Polled);
        var clients = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => server.ConnectRawAsync()));
        var watches = Watches();
        Assert.InRange(watches.Count, 20, int.MaxValue); // both ends are in this process
        Assert.DoesNotContain(watches.GroupBy(inode => inode), socket => socket.Count() > 1);
        foreach (var client in clients)
            client.Dispose();
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

    [Fact]
    public async Task The_defaults_of_an_application_and_ours_go_together()
    {
        foreach (bool before in new[] { true, false })
        {
            int own = 0;
            var requests = new Requests();
            var builder = WebApplication.CreateEmptyBuilder(new());
            void Configure() => builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Use(next => context =>
            {
                Interlocked.Increment(ref own);
                return next(context);
            })));
            builder.WebHost.UseKestrel().UseUrls("http://127.0.0.1:0");
            builder.Services.AddRoutingCore();
            if (before)
                Configure();
            builder.Services.AddRealtimeConnections();
            if (!before)
                Configure();
            await using var app = builder.Build();
            app.Use(requests.Watch);
            app.UseRouting();
            app.MapConnections("/ws", Server.Echo);
            await app.StartAsync().Within();
            var address = new Uri(app.Urls.First());
            using (var client = await RawClient.ConnectAsync(new(IPAddress.Loopback, address.Port)))
            {
                await requests.Ended.Task.Within(); // handed over
                await client.SendTextAsync("x");
                Assert.Equal("x", await client.ReceiveTextAsync());
                Assert.Equal(1, own);
            }
            await app.StopAsync().Within();
        }
    }

    [Fact]
    public async Task It_can_be_put_on_one_endpoint_and_twice()
    {
        var requests = new Requests();
        await using var server = await Server.StartAsync(Path.Polled, app =>
        {
            app.Use(requests.Watch);
            app.MapConnections("/ws", Server.Echo);
        }, listen: endpoint => endpoint.UseConnectionHandover().UseConnectionHandover());
        await AssertHandedOverAsync(server, requests, ends: true);
    }

    [Theory, CombinatorialPaths]
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

    [Theory, CombinatorialPaths]
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

    [Theory, CombinatorialPaths]
    public async Task A_large_message_may_follow_the_upgrade_request_at_once(Path path)
    {
        await using var server = await Server.EchoAsync(path);
        using var client = await RawClient.OpenAsync(server.EndPoint);
        var sending = client.SendAsync([.. Encoding.ASCII.GetBytes(RawClient.UpgradeRequest()), .. RawClient.Text(new string('x', 1_000_000))]);
        Assert.StartsWith("HTTP/1.1 101", await client.ReadHeadAsync());
        Assert.Equal(1_000_000, (await client.ReceiveTextAsync()).Length);
        await sending;
    }

    private static async Task AssertHandedOverAsync(Server server, Requests requests, bool ends)
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

    // The inode of each socket that any epoll of this process watches, as often as it does. Other descriptors share one inode.
    private static List<long> Watches()
    {
        var sockets = new DirectoryInfo("/proc/self/fd").EnumerateFiles().Select(descriptor => descriptor.LinkTarget)
            .Where(link => link is not null && link.StartsWith("socket:[", StringComparison.Ordinal))
            .Select(link => long.Parse(link![8..^1], CultureInfo.InvariantCulture)).ToHashSet();
        var watched = new List<long>();
        foreach (var descriptor in Directory.EnumerateFiles("/proc/self/fdinfo"))
        {
            try
            {
                watched.AddRange(File.ReadLines(descriptor).Where(line => line.StartsWith("tfd:", StringComparison.Ordinal))
                    .Select(line => line[(line.IndexOf("ino:", StringComparison.Ordinal) + 4)..].Split(' ')[0])
                    .Select(inode => long.Parse(inode, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).Where(sockets.Contains));
            }
            catch (IOException)
            {
                // Closed meanwhile.
            }
        }
        return watched;
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
