using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Server;
using Realtime.Silo;
using Realtime.Silo.Hooks;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tests;

/// <summary>One silo for all tests; fronts come and go. Rooms and users have names of their own in each test.</summary>
public sealed class Cluster : IAsyncLifetime
{
    private InProcessTestCluster? _cluster;

    public IClusterClient Client => _cluster!.Client;

    public async ValueTask InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        // So that the suite can be run with other settings, as with Streams__Provider=memory.
        builder.ConfigureHost(host => host.Configuration.AddEnvironmentVariables());
        builder.ConfigureSilo((_, silo) =>
        {
            // By a clock that stands no hook is late, however slow the machine is.
            silo.Services.AddSingleton(services => new HookRunner(
                services.GetServices<RoomHook>(), services.GetRequiredService<IOptions<HookOptions>>(), new ManualTimeProvider(), services.GetRequiredService<ILogger<HookRunner>>()));
            silo.AddRealtime().Services.AddRoomHook<WordHook>("hooked-*");
        });
        builder.ConfigureClient(client => client.AddRealtimeClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
    }

    /// <summary>A front of this cluster: the product's own composition on real Kestrel.</summary>
    public Task<Front> StartFront(Action<FrontOptions>? configure = null, params (string Key, string Value)[] settings) =>
        Front.Start(Client, configure, settings);

    /// <summary>The same in another composition or environment.</summary>
    public Task<Front> StartFront(string environment, Action<WebApplication> map, params (string Key, string Value)[] settings) =>
        Front.Start(Client, null, settings, environment, map);
}

/// <summary>The tests that share the cluster.</summary>
[CollectionDefinition(Name)]
public sealed class ClusterCollection : ICollectionFixture<Cluster>
{
    public const string Name = "cluster";
}

/// <summary>A running front.</summary>
public sealed class Front : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Front(WebApplication app)
    {
        _app = app;
        Addresses = [.. app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(address => new Uri(address))];
        Address = Addresses[0];
        Http = new HttpClient { BaseAddress = Address, Timeout = TestClient.Bound };
    }

    public Uri Address { get; }

    public IReadOnlyList<Uri> Addresses { get; }

    public HttpClient Http { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<Front> Start(
        IClusterClient client, Action<FrontOptions>? configure, (string Key, string Value)[] settings,
        string? environment = null, Action<WebApplication>? map = null, Action<WebApplicationBuilder>? build = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = environment ?? Environments.Development });
        // Tests ask for more, and faster, than clients may; those of the limits say so.
        builder.Configuration["Limits:Enabled"] = "false";
        // What is not about access lets everybody do everything, also outside Development.
        if (!builder.Environment.IsDevelopment() && !settings.Any(setting => setting.Key.StartsWith("Rooms:", StringComparison.Ordinal)))
            builder.Configuration.AddInMemoryCollection([KeyValuePair.Create("Rooms:Open", (string?)"true")]);
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        build?.Invoke(builder);
        builder.Services.AddSingleton(client);
        builder.Services.AddSingleton<IGrainFactory>(client);
        builder.AddRealtimeFront(configure);
        Telemetry.Add(builder, "front");
        var app = builder.Build();
        (map ?? MapAll)(app);
        await app.StartAsync();
        return new Front(app);
    }

    private static void MapAll(WebApplication app)
    {
        app.MapRealtime();
        app.MapMetrics(RealtimePolicies.Read);
        app.MapRealtimePages();
    }

    /// <summary>A client that speaks the protocol, as <paramref name="user"/>, and has had its first answer: now its user knows of it.</summary>
    public async Task<TestClient> Connect(string user)
    {
        var client = await TestClient.Connect(new Uri($"ws://{Address.Authority}/ws?user={Uri.EscapeDataString(user)}"));
        Assert.Empty(await client.Drain());
        return client;
    }

    /// <summary>The id that it has in the cluster.</summary>
    public async Task<string> Id() => (string)(await Http.GetFromJsonAsync<JsonObject>("/api/cluster"))!["front"]!;

    public Task Stop() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync(); // so that the cluster knows at once
        await _app.DisposeAsync();
    }
}
