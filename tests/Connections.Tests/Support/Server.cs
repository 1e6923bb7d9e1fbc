using System.IO.Pipelines;
using System.Net;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Realtime.Connections.Tests.Support;

/// <summary>Which way a connection's bytes take.</summary>
public enum Path
{
    /// <summary>Plain TCP on this library's transport, where the system is Linux: the connection leaves HTTP.</summary>
    Polled,

    /// <summary>The upgraded stream over this library's transport, as with TLS or HTTP/2.</summary>
    Layered,

    /// <summary>The upgraded stream over Kestrel's own transport, as on other systems.</summary>
    Portable,
}

/// <summary>A real Kestrel on a free loopback port.</summary>
public sealed class Server : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Server(WebApplication app) => _app = app;

    public IServiceProvider Services => _app.Services;

    public ConnectionRegistry Registry => Services.GetRequiredService<ConnectionRegistry>();

    public Uri Address => new(Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    public IPEndPoint EndPoint => new(IPAddress.Loopback, Address.Port);

    public Uri Ws(string path = "/ws") => new UriBuilder(Address) { Scheme = Address.Scheme == "https" ? "wss" : "ws", Path = path }.Uri;

    public static async Task<Server> StartAsync(Path path, Action<WebApplication> map, Action<ConnectionOptions>? options = null,
        Action<WebApplicationBuilder>? build = null, Action<ListenOptions>? listen = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
        {
            if (path == Path.Layered)
                endpoint.Use(next => context =>
                {
                    // Something between the socket and HTTP, as TLS would be, which sees all that passes.
                    context.Transport = new Between(context.Transport);
                    return next(context);
                });
            listen?.Invoke(endpoint);
        }));
        builder.Services.AddRoutingCore();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddRealtimeConnections(settings =>
        {
            settings.EnablePolling = path != Path.Portable;
            options?.Invoke(settings);
        });
        build?.Invoke(builder);
        var app = builder.Build();
        app.UseRouting();
        map(app);
        await app.StartAsync().Within();
        return new(app);
    }

    public static Task<Server> StartAsync(Path path, Func<Connection, Task> function, Action<ConnectionOptions>? options = null, Action<WebApplicationBuilder>? build = null) =>
        StartAsync(path, app => app.MapConnections("/ws", function), options, build);

    public static Task<Server> EchoAsync(Path path, Action<ConnectionOptions>? options = null, Action<WebApplicationBuilder>? build = null) =>
        StartAsync(path, Echo, options, build);

    public static async Task Echo(Connection connection)
    {
        await foreach (var message in connection.ReceiveAllAsync())
            await connection.SendAsync(message);
    }

    public async Task<ClientWebSocket> ConnectAsync(string path = "/ws", Action<ClientWebSocketOptions>? configure = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        configure?.Invoke(socket.Options);
        await socket.ConnectAsync(Ws(path), default).Within();
        return socket;
    }

    public Task<RawClient> ConnectRawAsync(string path = "/ws", string headers = "", byte[]? along = null) => RawClient.ConnectAsync(EndPoint, path, headers, along);

    public Task StopAsync(CancellationToken cancellationToken = default) => _app.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in Registry.Connections)
            connection.Abort(); // a test that failed half way leaves peers that never answer
        await _app.StopAsync().Within();
        await _app.DisposeAsync();
    }

    private sealed class Between(IDuplexPipe inner) : IDuplexPipe
    {
        public PipeReader Input => inner.Input;
        public PipeWriter Output => inner.Output;
    }
}
