using Orleans.Configuration;
using Orleans.Hosting;

namespace Realtime.Silo.Hosting;

/// <summary>
/// How soon silos and clients notice that one of them has gone. Orleans' defaults are made for clusters that may take minutes:
/// with them rooms of a killed silo are silent for 10 to 30 s, and those of a hung one for over a minute. With these it is
/// 2 to 3 s and 7 s. Settings of the host go before them when they are configured after this.
/// </summary>
public static class ClusterTimings
{
    /// <summary>For a silo.</summary>
    public static ISiloBuilder UseClusterTimings(this ISiloBuilder silo) => silo
        .Configure<ClusterMembershipOptions>(options =>
        {
            // A dead silo refuses connections, so it is voted out at the third probe, 1.4 to 2.1 s after its death; rooms
            // are to deliver again within 3 s. A silo that is only slow has those 2.1 s to answer once.
            options.ProbeTimeout = TimeSpan.FromSeconds(0.7);
            options.NumMissedProbesLimit = 3;
            // Bounds how far a busy silo stretches its probes; this decides how long a hung silo is waited for.
            options.MaxProbeTimeout = TimeSpan.FromSeconds(1.2);
            // With two, one silo that is cut off from the others does not vote them all out.
            options.NumVotesForDeathDeclaration = 2;
            // Gossip brings news at once; this is for those that it did not reach.
            options.TableRefreshTimeout = TimeSpan.FromSeconds(5);
            // A silo whose row is three of these old no longer keeps new ones from joining, e.g. after all were killed.
            options.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(5);
        })
        // A connection within a data centre takes milliseconds; who takes longer is gone.
        .Configure<ConnectionOptions>(options => options.OpenConnectionTimeout = TimeSpan.FromSeconds(1))
        // Turns take milliseconds, so a call that is out for longer went to a silo that has died.
        .Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(5));

    /// <summary>For a client.</summary>
    public static IClientBuilder UseClusterTimings(this IClientBuilder client) => client
        .Configure<ConnectionOptions>(options => options.OpenConnectionTimeout = TimeSpan.FromSeconds(1))
        // Calls that were on their way to a silo when it died get no answer, only this; the front then makes them again,
        // and rooms are to deliver again within 3 s. Turns take milliseconds, and a repeat is not applied twice.
        .Configure<ClientMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(1.2))
        // One small query a second, for which new silos are used and dead ones left within a second.
        .Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = TimeSpan.FromSeconds(1));
}
