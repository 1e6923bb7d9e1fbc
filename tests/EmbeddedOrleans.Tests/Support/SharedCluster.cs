using Realtime.EmbeddedOrleans.Tests;

[assembly: AssemblyFixture(typeof(SharedCluster))]

namespace Realtime.EmbeddedOrleans.Tests;

/// <summary>One cluster of two silos for all tests that do not stop silos or change options. Tests use grains with keys of their own.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    public const string Streams = "streams";

    private readonly InProcessTestCluster _cluster = new InProcessTestClusterBuilder(2)
        .ConfigureSilo((_, silo) => silo
            .AddMemoryGrainStorageAsDefault()
            .AddMemoryGrainStorage("other")
            .AddMemoryGrainStorage("PubSubStore")
            .AddMemoryStreams(Streams, streams => streams.ConfigurePullingAgent(agent => agent.Configure(options => options.GetQueueMsgsTimerPeriod = TimeSpan.FromMilliseconds(10)))))
        .ConfigureClient(client => client.AddMemoryStreams(Streams))
        .Build();

    public InProcessTestCluster Cluster => _cluster;

    public IClusterClient Client => _cluster.Client;

    public async ValueTask InitializeAsync() => await _cluster.DeployAsync();

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    /// <summary>A grain that no other test uses.</summary>
    public T NewGrain<T>() where T : IGrainWithStringKey => Client.GetGrain<T>(Guid.NewGuid().ToString("N"));
}
