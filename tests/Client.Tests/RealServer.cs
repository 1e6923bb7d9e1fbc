using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using Realtime.Client.Tests;
using Realtime.Silo;
using Realtime.WebFront;
using Realtime.WebFront.Calls;

[assembly: AssemblyFixture(typeof(RealServer))]

namespace Realtime.Client.Tests;

/// <summary>The product in one process, on real Kestrel, for all tests. Rooms and users have names of their own in each.</summary>
public sealed class RealServer : IAsyncLifetime
{
    private WebApplication? _app;

    public Uri Address { get; private set; } = new("ws://invalid");

    public IGrainFactory Grains => _app!.Services.GetRequiredService<IGrainFactory>();

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = Environments.Development });
        builder.Configuration.AddInMemoryCollection([new("Limits:Enabled", "false"), new("Rooms:HistoryMessages", "2000"), new("Front:MaxRoomsPerConnection", "20")]);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
        builder.AddRealtimeFront();
        _app = builder.Build();
        _app.MapRealtime();
        _app.MapRealtimeCall("double", ([Microsoft.AspNetCore.Mvc.FromBody] Order order) => new Order(order.Number * 2));
        _app.MapRealtimeCall("nothing", () => { });
        await _app.StartAsync();
        Address = new($"ws://{new Uri(_app.Urls.First()).Authority}/ws");
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is null)
            return;
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    /// <summary>A client of the user, which comes back quickly.</summary>
    public RealtimeClient Client(string user, Action<RealtimeClientOptions>? configure = null) => Tests.Clients.Make(Address, options =>
    {
        options.User = user;
        configure?.Invoke(options);
    });
}
