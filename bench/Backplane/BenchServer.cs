using System.Net;
using Microsoft.AspNetCore.SignalR;
using Realtime.SignalR;

namespace Realtime.Backplane;

/// <summary>One of the two servers.</summary>
internal static class BenchServer
{
    public static Task Run(string kind, int port, int[] ports)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        var signalR = builder.Services.AddSignalR();
        if (kind == "redis")
        {
            signalR.AddStackExchangeRedis($"127.0.0.1:{ports[0]}");
        }
        else
        {
            // Silos in the servers' own processes: no other process is needed.
            builder.UseOrleans(silo => silo.UseLocalhostClustering(ports[0], ports[1], new IPEndPoint(IPAddress.Loopback, ports[2])).AddRealtimeBackplane());
            signalR.AddRealtimeBackplane();
        }
        var app = builder.Build();
        app.MapHub<BenchHub>("/hub");
        return app.RunAsync();
    }
}

/// <summary>The hub, the same for both.</summary>
internal sealed class BenchHub : Hub
{
    public Task Join(string group) => Groups.AddToGroupAsync(Context.ConnectionId, group);

    public Task Send(string group, string text) => Clients.Group(group).SendAsync("say", text);
}
