using System.Net;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using Realtime.Connections;
using Realtime.PushStreams;
using Realtime.Silo;
using Realtime.WebFront;

namespace Realtime.Micro;

/// <summary>The whole server in this process, with connections that a benchmark may send to.</summary>
internal sealed class Server : IDisposable
{
    private readonly WebApplication _app;
    private readonly List<ClientWebSocket> _clients = [];

    private Server(WebApplication app) => _app = app;

    public IServiceProvider Services => _app.Services;

    public IClusterClient Cluster => Services.GetRequiredService<IClusterClient>();

    public ConnectionRegistry Registry => Services.GetRequiredService<ConnectionRegistry>();

    public static Server Start()
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = Environments.Development });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Configuration["Limits:Enabled"] = "false";
        builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime().AddPushStreams(GrainBenchmarks.Provider));
        builder.AddRealtimeFront();
        var app = builder.Build();
        app.MapConnections("/raw", (Connection connection) => Task.Delay(Timeout.Infinite, connection.Closed), options => options.SlowConsumer = SlowConsumerPolicy.DropOldest);
        app.StartAsync().GetAwaiter().GetResult();
        return new Server(app);
    }

    /// <summary>Connects clients, and returns the server's side of them.</summary>
    /// <param name="read">Whether they read what comes.</param>
    public IReadOnlyCollection<Connection> Connect(int count, bool read)
    {
        var address = new Uri(Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First().Replace("http", "ws") + "/raw");
        for (var i = 0; i < count; i++)
        {
            var client = new ClientWebSocket();
            client.ConnectAsync(address, CancellationToken.None).GetAwaiter().GetResult();
            _clients.Add(client);
            if (read)
                _ = Read(client);
        }
        if (!SpinWait.SpinUntil(() => Registry.Count == _clients.Count, TimeSpan.FromSeconds(30)))
            throw new InvalidOperationException($"Only {Registry.Count} of {_clients.Count} connections came up.");
        return Registry.Connections;
    }

    public void Dispose()
    {
        foreach (var client in _clients)
            client.Abort();
        _app.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private static async Task Read(ClientWebSocket client)
    {
        var buffer = new byte[1 << 16];
        try
        {
            while (true)
                await client.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
        }
        catch (WebSocketException)
        {
            // The benchmark is over.
        }
    }
}
