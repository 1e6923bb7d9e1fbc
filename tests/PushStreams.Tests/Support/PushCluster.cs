using Microsoft.Extensions.Logging;

namespace Realtime.PushStreams.Tests.Support;

/// <summary>A cluster whose silos and client have push streams of several settings, each under a name of its own.</summary>
internal static class PushCluster
{
    public const string Default = "default";

    /// <summary>Ten events wait, five go at once, and a producer waits two seconds: longer than a slow machine takes between two steps of a test.</summary>
    public const string Small = "small";

    /// <summary>As <see cref="Small"/>, with a producer that waits long.</summary>
    public const string Patient = "patient";

    /// <summary>Who is silent for four seconds is gone.</summary>
    public const string Short = "short";

    /// <summary>A stop waits long for deliveries.</summary>
    public const string LongDrain = "longdrain";

    public static readonly TimeSpan ShortPeriod = TimeSpan.FromMilliseconds(200);

    public static async Task<InProcessTestCluster> Deploy(short silos, TimeProvider? clientTime = null, TimeProvider? siloTime = null)
    {
        var builder = new InProcessTestClusterBuilder(silos);
        builder.ConfigureHost(host => host.Logging.ClearProviders());
        builder.ConfigureSilo((_, silo) =>
        {
            // A dead silo is known to be so within seconds, not the half minute of the defaults.
            silo.Configure<ClusterMembershipOptions>(options =>
            {
                options.ProbeTimeout = options.MaxProbeTimeout = TimeSpan.FromSeconds(1);
                options.NumVotesForDeathDeclaration = 1;
                options.TableRefreshTimeout = TimeSpan.FromSeconds(2);
            });
            if (siloTime is not null)
                silo.Services.AddSingleton(siloTime);
            silo.AddPushStreams(Default);
            silo.AddPushStreams(Small, BeSmall).AddPushStreams(Patient, BePatient).AddPushStreams(Short, BeShort).AddPushStreams(LongDrain, DrainLong);
        });
        builder.ConfigureClient(client =>
        {
            if (clientTime is not null)
                client.Services.AddSingleton(clientTime);
            client.AddPushStreams(Default);
            client.AddPushStreams(Small, BeSmall).AddPushStreams(Patient, BePatient).AddPushStreams(Short, BeShort).AddPushStreams(LongDrain, DrainLong);
        });
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }

    public static StreamId NewStream() => StreamId.Create("tests", Guid.NewGuid().ToString("N"));

    /// <summary>A stream, for code of the client that is no grain.</summary>
    public static IAsyncStream<Item> Stream(this InProcessTestCluster cluster, StreamId id, string provider = Default) =>
        cluster.Client.GetStreamProvider(provider).GetStream<Item>(id);

    /// <summary>A stream, for code of a silo's process that is no grain.</summary>
    public static IAsyncStream<Item> Stream(this InProcessSiloHandle silo, StreamId id, string provider = Default) =>
        silo.ServiceProvider.GetRequiredKeyedService<IStreamProvider>(provider).GetStream<Item>(id);

    private static void BeSmall(PushStreamOptions options) =>
        (options.MaxPendingEvents, options.MaxBatchEvents, options.FullWait) = (10, 5, TimeSpan.FromSeconds(2));

    private static void BePatient(PushStreamOptions options) =>
        (options.MaxPendingEvents, options.MaxBatchEvents, options.FullWait) = (10, 5, TimeSpan.FromMinutes(1));

    private static void DrainLong(PushStreamOptions options) =>
        (options.DrainTimeout, options.DeliveryTimeout) = (TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));

    private static void BeShort(PushStreamOptions options) =>
        (options.AnnouncePeriod, options.SubscriberTimeout) = (ShortPeriod, TimeSpan.FromSeconds(4));
}

/// <summary>One cluster of two silos for all tests that leave it as it is.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    private InProcessTestCluster? _cluster;

    public InProcessTestCluster Cluster => _cluster!;

    public async ValueTask InitializeAsync() => _cluster = await PushCluster.Deploy(2);

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
    }
}
