using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Core.Internal;
using Orleans.Embedded;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace Orleans.TestingHost;

/// <summary>A cluster for tests: each silo and the client have a host of their own.</summary>
public sealed class InProcessTestCluster : IDisposable, IAsyncDisposable
{
    private readonly Cluster _cluster = new();
    private readonly List<InProcessSiloHandle> _silos = [];
    private IHost? _clientHost;
    private int _startedSilos;

    internal InProcessTestCluster(InProcessTestClusterOptions options) => Options = options;

    public InProcessTestClusterOptions Options { get; }

    /// <exception cref="InvalidOperationException">The client does not run.</exception>
    public IClusterClient Client => _clientHost?.Services.GetRequiredService<IClusterClient>()
        ?? throw new InvalidOperationException("The test cluster's client does not run: call DeployAsync first.");

    public ReadOnlyCollection<InProcessSiloHandle> Silos
    {
        get
        {
            lock (_silos)
                return new List<InProcessSiloHandle>(_silos).AsReadOnly();
        }
    }

    public async Task DeployAsync()
    {
        if (Silos.Count > 0)
            throw new InvalidOperationException("The test cluster has been deployed already.");
        await StartSilosAsync(Options.InitialSilosCount).ConfigureAwait(false);
        if (Options.InitializeClientOnDeploy)
            await InitializeClientAsync().ConfigureAwait(false);
    }

    public async Task InitializeClientAsync()
    {
        await StopClusterClientAsync().ConfigureAwait(false);
        var builder = NewHost("TestClusterClient");
        foreach (var configure in Options.ClientHostConfigurationDelegates)
            configure(builder);
        builder.UseOrleansClient(client => client.Configure<ClusterOptions>(SetIds));
        _clientHost = await StartAsync(builder).ConfigureAwait(false);
    }

    public Task<InProcessSiloHandle> StartAdditionalSiloAsync() => StartAdditionalSiloAsync(true);

    public async Task<InProcessSiloHandle> StartAdditionalSiloAsync(bool startAdditionalSiloOnNewPort) => (await StartSilosAsync(1).ConfigureAwait(false))[0];

    public async Task<List<InProcessSiloHandle>> StartSilosAsync(int silosToStart)
    {
        var started = new List<InProcessSiloHandle>();
        for (var i = 0; i < silosToStart; i++)
        {
            var number = _startedSilos++;
            var handle = await CreateSiloAsync(new InProcessTestSiloSpecificOptions { SiloName = $"Silo_{number}", SiloPort = 11111 + number, GatewayPort = 30000 + number }).ConfigureAwait(false);
            handle.InstanceNumber = (short)number;
            started.Add(handle);
            lock (_silos)
                _silos.Add(handle);
        }

        return started;
    }

    public async Task<InProcessSiloHandle> CreateSiloAsync(InProcessTestSiloSpecificOptions siloOptions)
    {
        var builder = NewHost(siloOptions.SiloName);
        foreach (var configure in Options.SiloHostConfigurationDelegates)
            configure(siloOptions, builder);
        builder.UseOrleans(silo => silo
            .Configure<ClusterOptions>(SetIds)
            .Configure<SiloOptions>(options => options.SiloName = siloOptions.SiloName)
            .Configure<EndpointOptions>(options => (options.AdvertisedIPAddress, options.SiloPort, options.GatewayPort) = (IPAddress.Loopback, siloOptions.SiloPort, siloOptions.GatewayPort)));
        var host = await StartAsync(builder).ConfigureAwait(false);
        var details = host.Services.GetRequiredService<ILocalSiloDetails>();
        return new InProcessSiloHandle { Name = siloOptions.SiloName, SiloHost = host, SiloAddress = details.SiloAddress, GatewayAddress = details.GatewayAddress };
    }

    /// <summary>In order: its grains are deactivated first.</summary>
    public Task StopSiloAsync(InProcessSiloHandle instance) => EndSiloAsync(instance, stopGracefully: true);

    /// <summary>As the end of its process would be.</summary>
    public Task KillSiloAsync(InProcessSiloHandle instance) => EndSiloAsync(instance, stopGracefully: false);

    public async Task<InProcessSiloHandle?> RestartSiloAsync(InProcessSiloHandle instance)
    {
        await StopSiloAsync(instance).ConfigureAwait(false);
        return (await StartSilosAsync(1).ConfigureAwait(false))[0];
    }

    public async Task StopClusterClientAsync()
    {
        if (Interlocked.Exchange(ref _clientHost, null) is not { } host)
            return;
        await host.StopAsync().ConfigureAwait(false);
        await ((IAsyncDisposable)host).DisposeAsync().ConfigureAwait(false);
    }

    public async Task KillClientAsync()
    {
        if (Interlocked.Exchange(ref _clientHost, null) is not { } host)
            return;
        await host.StopAsync(new CancellationToken(true)).ConfigureAwait(false);
        await ((IAsyncDisposable)host).DisposeAsync().ConfigureAwait(false);
    }

    public async Task StopSilosAsync()
    {
        foreach (var silo in Silos)
            await StopSiloAsync(silo).ConfigureAwait(false);
    }

    public async Task StopAllSilosAsync()
    {
        await StopClusterClientAsync().ConfigureAwait(false);
        await StopSilosAsync().ConfigureAwait(false);
    }

    public IEnumerable<InProcessSiloHandle> GetActiveSilos() => Silos.Where(silo => silo.IsActive);

    public InProcessSiloHandle? GetSiloForAddress(SiloAddress siloAddress) => GetActiveSilos().FirstOrDefault(silo => silo.SiloAddress.Equals(siloAddress));

    /// <summary>Of any silo, if none is named.</summary>
    public IServiceProvider GetSiloServiceProvider(SiloAddress? silo = null) =>
        (silo is null ? Silos[Random.Shared.Next(Silos.Count)] : Silos.FirstOrDefault(handle => handle.SiloAddress.Equals(silo)))?.SiloHost.Services
        ?? throw new ArgumentException($"The test cluster has no silo {silo}.", nameof(silo));

    public bool TryGetGrainContext(GrainId grainId, [NotNullWhen(true)] out IGrainContext? grainContext)
    {
        grainContext = _cluster.Find(grainId);
        return grainContext is not null;
    }

    public Task WaitForDeactivationAsync(GrainId grainId) => _cluster.Find(grainId)?.Deactivated ?? Task.CompletedTask;

    public Task WaitForDeactivationAsync(IAddressable grain) => WaitForDeactivationAsync(grain.GetGrainId());

    public async Task DeactivateAsync(GrainId grainId)
    {
        if (_cluster.Find(grainId) is not { } activation)
            return;
        activation.Deactivate(new(DeactivationReasonCode.ApplicationRequested, $"{nameof(DeactivateAsync)} was called."));
        await activation.Deactivated.ConfigureAwait(false);
    }

    public Task DeactivateAsync(IAddressable grain) => DeactivateAsync(grain.GetGrainId());

    /// <summary>Moves the grain's activation to a silo, or to the one that placement selects, and waits until it has gone from where it was.</summary>
    public async Task MigrateAsync(GrainId grainId, SiloAddress? targetSilo = null)
    {
        var deactivated = WaitForDeactivationAsync(grainId);
        if (targetSilo is not null)
            RequestContext.Set(IPlacementDirector.PlacementHintKey, targetSilo);
        await Client.GetGrain(grainId).Cast<IGrainManagementExtension>().MigrateOnIdle().ConfigureAwait(false);
        await deactivated.ConfigureAwait(false);
    }

    public Task MigrateAsync(IAddressable grain, SiloAddress? targetSilo = null) => MigrateAsync(grain.GetGrainId(), targetSilo);

    /// <summary>Silos of one process know of each other at once.</summary>
    public Task WaitForLivenessToStabilizeAsync(bool didKill = false) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await StopAllSilosAsync().ConfigureAwait(false);
        _cluster.Dispose();
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private HostApplicationBuilder NewHost(string name)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = name, EnvironmentName = Environments.Development, DisableDefaults = true });
        builder.Services.AddSingleton(_cluster);
        return builder;
    }

    private static async Task<IHost> StartAsync(HostApplicationBuilder builder)
    {
        var host = builder.Build();
        try
        {
            await host.StartAsync().ConfigureAwait(false);
            return host;
        }
        catch
        {
            await ((IAsyncDisposable)host).DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private void SetIds(ClusterOptions options) => (options.ClusterId, options.ServiceId) = (Options.ClusterId, Options.ServiceId);

    private async Task EndSiloAsync(InProcessSiloHandle instance, bool stopGracefully)
    {
        ArgumentNullException.ThrowIfNull(instance);
        await instance.StopSiloAsync(stopGracefully).ConfigureAwait(false);
        await instance.DisposeAsync().ConfigureAwait(false);
        lock (_silos)
            _silos.Remove(instance);
    }
}
