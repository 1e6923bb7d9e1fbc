using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Hosting;
using Realtime.Silo.Postgres;
using Realtime.Silo.Redis;

namespace Realtime.Silo.Hosting;

/// <summary>Makes a silo or a client part of the cluster of its <see cref="ClusterSettings"/>.</summary>
public static class ClusterExtensions
{
    /// <summary>What Orleans calls Npgsql.</summary>
    private const string Invariant = "Npgsql";

    /// <summary>
    /// Joins the silo to the cluster. With PostgreSQL or Redis it waits for the database, brings its schema, if it has one, up
    /// to date and keeps the state of grains there.
    /// </summary>
    public static ISiloBuilder UseCluster(this ISiloBuilder silo, ClusterSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        silo.UseClusterTimings().UseConsistentDirectory();
        silo.UseTls(settings.Tls);
        silo.Services.TryAddSingleton<SiloState>();
        var advertised = settings.ResolveAdvertisedAddress();
        // The first step of the start, before the silo listens or reads the list of silos.
        silo.AddStartupTask((services, _) => PortCheck.Run(settings, Listens(settings, advertised)), ServiceLifecycleStage.First);
        silo.AddStartupTask((services, _) =>
        {
            services.GetRequiredService<SiloState>().Joined();
            return Task.CompletedTask;
        });
        if (settings.UsesLocalhost)
            return UseLocalhost(silo, settings);
        UseNetwork(silo, settings, advertised);
        return settings.UsesRedis ? silo.UseRedis(settings) : UsePostgres(silo, settings);
    }

    /// <summary>Joins the client to the cluster; until a silo can be reached it tries again and logs why.</summary>
    public static IClientBuilder UseCluster(this IClientBuilder client, ClusterSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        client.UseClusterTimings();
        client.UseTls(settings.Tls);
        client.Services.AddSingleton(provider => new ConnectionRetry(settings, provider.GetRequiredService<ILogger<ConnectionRetry>>()));
        client.Services.AddSingleton<IClientConnectionRetryFilter>(provider => provider.GetRequiredService<ConnectionRetry>());
        if (settings.UsesLocalhost)
            return client.UseLocalhostClustering(settings.GatewayPort, settings.ServiceId, settings.ClusterId);
        client.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (settings.ClusterId, settings.ServiceId));
        return settings.UsesRedis ? client.UseRedis(settings) : client.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (Invariant, settings.ConnectionString));
    }

    /// <summary>
    /// Of the two directories that Orleans has, the one in which a grain keeps its place while silos come and go. In the other
    /// a room that moves away from a stopping silo under load is made anew elsewhere before what it holds has arrived, and
    /// begins a new epoch.
    /// </summary>
    private static ISiloBuilder UseConsistentDirectory(this ISiloBuilder silo)
    {
#pragma warning disable ORLEANSEXP003 // Orleans calls it experimental; tests/Cluster.Tests kill and stop silos under it.
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        // The names of a dead silo's grains are free at once. By default they are kept for half a minute, for the case that
        // it is not dead but cut off; a room is allowed to begin a new epoch then, and not to be silent.
        return silo.Configure<GrainDirectoryOptions>(options => options.RangeLeaseDuration = TimeSpan.Zero);
    }

    private static ISiloBuilder UseLocalhost(ISiloBuilder silo, ClusterSettings settings) =>
        silo.UseLocalhostClustering(settings.SiloPort, settings.GatewayPort, new IPEndPoint(IPAddress.Loopback, settings.PrimarySiloPort),
            settings.ServiceId, settings.ClusterId);

    private static void UseNetwork(ISiloBuilder silo, ClusterSettings settings, IPAddress? advertised)
    {
        silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (settings.ClusterId, settings.ServiceId));
        if (advertised is null)
            silo.ConfigureEndpoints(settings.SiloPort, settings.GatewayPort, listenOnAnyHostAddress: true);
        else
            silo.ConfigureEndpoints(advertised, settings.SiloPort, settings.GatewayPort, listenOnAnyHostAddress: !IPAddress.IsLoopback(advertised));
        silo.Services.TryAddSingleton(TimeProvider.System);
        silo.Services.AddSingleton<DatabaseWait>();
    }

    private static ISiloBuilder UsePostgres(ISiloBuilder silo, ClusterSettings settings)
    {
        silo.Services.AddSingleton(services => ActivatorUtilities.CreateInstance<Schema>(services, settings.ConnectionString!));
        silo.AddStartupTask((services, cancellation) => services.GetRequiredService<Schema>().Wait(cancellation), ServiceLifecycleStage.First + 1);
        silo.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (Invariant, settings.ConnectionString));
        return silo.AddAdoNetGrainStorageAsDefault(options => (options.Invariant, options.ConnectionString) = (Invariant, settings.ConnectionString));
    }

    private static IPAddress Listens(ClusterSettings settings, IPAddress? advertised) =>
        settings.UsesLocalhost || (advertised is not null && IPAddress.IsLoopback(advertised)) ? IPAddress.Loopback : IPAddress.Any;
}
