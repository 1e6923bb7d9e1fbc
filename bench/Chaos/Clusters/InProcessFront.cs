using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Realtime.Connections;
using Realtime.WebFront;

namespace Realtime.Chaos.Clusters;

/// <summary>The product's own composition of a front, on real Kestrel, in this process.</summary>
internal sealed class InProcessFront
{
    /// <summary>A stop lets clients go and rooms know; a front that needs longer would be killed by its operator too.</summary>
    private static readonly TimeSpan s_stopBound = TimeSpan.FromSeconds(15);

    private readonly WebApplication _app;
    private readonly ClusterLink _link;
    private int _isEnded;

    private InProcessFront(WebApplication app, ClusterLink link)
    {
        (_app, _link) = (app, link);
        var address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        Address = new Uri($"ws://{address.Authority}");
    }

    public Uri Address { get; }

    public static async Task<InProcessFront> Start(IClusterClient cluster, IReadOnlyDictionary<string, string?> settings, ILoggerProvider? log)
    {
        var (client, link) = ClusterLink.To(cluster);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = Environments.Development });
        builder.Configuration["Limits:Enabled"] = "false"; // a schedule asks for more, and faster, than clients may
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.To(log);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton(client);
        builder.Services.AddSingleton<IGrainFactory>(client);
        builder.AddRealtimeFront();
        var app = builder.Build();
        app.MapRealtime();
        await app.StartAsync();
        return new InProcessFront(app, link);
    }

    /// <summary>
    /// As the end of its process, as far as one process can play it: it says nothing to the cluster any more, not even good
    /// bye, and its sockets end without a close frame.
    /// </summary>
    public async Task Kill()
    {
        if (Interlocked.Exchange(ref _isEnded, 1) != 0)
            return;
        _link.Cut();
        foreach (var connection in _app.Services.GetRequiredService<ConnectionRegistry>().Connections)
            connection.Abort();
        await _app.StopAsync(new CancellationToken(canceled: true)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _app.DisposeAsync();
    }

    /// <summary>As an operator does: clients are told to go elsewhere, then the cluster that the front is gone.</summary>
    public async Task Stop()
    {
        if (Interlocked.Exchange(ref _isEnded, 1) != 0)
            return;
        using var bound = new CancellationTokenSource(s_stopBound);
        await _app.StopAsync(bound.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _app.DisposeAsync();
    }
}
