using System.Net;
using Orleans.Runtime;

namespace Orleans.Configuration;

public class ClusterOptions
{
    public const string DefaultClusterId = "default";
    public const string DefaultServiceId = "default";

    public string ClusterId { get; set; } = DefaultClusterId;

    public string ServiceId { get; set; } = DefaultServiceId;
}

public class SiloOptions
{
    public string SiloName { get; set; } = $"Silo_{Guid.NewGuid():N}"[..10];
}

/// <summary>A silo's address. On this engine nothing listens there.</summary>
public class EndpointOptions
{
    public const int DEFAULT_SILO_PORT = 11111;
    public const int DEFAULT_GATEWAY_PORT = 30000;

    public IPAddress? AdvertisedIPAddress { get; set; }

    public int SiloPort { get; set; } = DEFAULT_SILO_PORT;

    public int GatewayPort { get; set; } = DEFAULT_GATEWAY_PORT;

    public IPEndPoint? SiloListeningEndpoint { get; set; }

    public IPEndPoint? GatewayListeningEndpoint { get; set; }
}

/// <summary>When idle activations end.</summary>
public class GrainCollectionOptions
{
    /// <summary>How long an activation may be idle: default 15 minutes. More than <see cref="CollectionQuantum"/>.</summary>
    public TimeSpan CollectionAge { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How often idle activations are looked for, and the precision of ages: default one minute.</summary>
    public TimeSpan CollectionQuantum { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long OnActivateAsync may take before its token is cancelled: default 30 seconds.</summary>
    public TimeSpan ActivationTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long OnDeactivateAsync may take before the activation ends without it: default 30 seconds.</summary>
    public TimeSpan DeactivationTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Other ages, by the full name of the grain class.</summary>
    public Dictionary<string, TimeSpan> ClassSpecificCollectionAge { get; set; } = [];

    internal void Validate()
    {
        if (CollectionQuantum <= TimeSpan.Zero)
            throw new OrleansConfigurationException($"{nameof(GrainCollectionOptions)}.{nameof(CollectionQuantum)} is {CollectionQuantum}; it must be greater than zero.");
        foreach (var (name, age) in ClassSpecificCollectionAge.Prepend(new(nameof(CollectionAge), CollectionAge)))
        {
            if (age <= CollectionQuantum)
                throw new OrleansConfigurationException($"{nameof(GrainCollectionOptions)}: the age of {name} is {age}; it must be greater than {nameof(CollectionQuantum)}, which is {CollectionQuantum}.");
        }
    }
}

public abstract class MessagingOptions
{
    /// <summary>How long a call waits for its answer: default 30 seconds.</summary>
    public TimeSpan ResponseTimeout { get; set; } = Embedded.Cluster.DefaultResponseTimeout;
}

/// <summary>Of calls from grains, and from other code of a silo's host.</summary>
public class SiloMessagingOptions : MessagingOptions;

/// <summary>Of calls from a client.</summary>
public class ClientMessagingOptions : MessagingOptions;

/// <summary>How silos watch each other. Silos of one process need not: nothing reads these.</summary>
public class ClusterMembershipOptions
{
    public bool LivenessEnabled { get; set; } = true;

    public int NumMissedProbesLimit { get; set; } = 3;

    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromSeconds(5);

    public TimeSpan MaxProbeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    public int NumProbedSilos { get; set; } = 10;

    public int NumVotesForDeathDeclaration { get; set; } = 2;

    public TimeSpan TableRefreshTimeout { get; set; } = TimeSpan.FromMinutes(1);

    public TimeSpan DeathVoteExpirationTimeout { get; set; } = TimeSpan.FromMinutes(2);

    public TimeSpan IAmAliveTablePublishTimeout { get; set; } = TimeSpan.FromSeconds(30);

    public TimeSpan MaxJoinAttemptTime { get; set; } = TimeSpan.FromMinutes(5);

    public bool UseLivenessGossip { get; set; } = true;
}

/// <summary>Connections between processes, of which this engine has none.</summary>
public class ConnectionOptions
{
    public TimeSpan OpenConnectionTimeout { get; set; } = TimeSpan.FromSeconds(5);

    public TimeSpan ConnectionRetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    public int ConnectionsPerEndpoint { get; set; } = 1;
}

/// <summary>Gateways of a cluster of processes, of which this engine has none.</summary>
/// <summary>Accepted and not used: a directory of one process is never without an owner.</summary>
public class GrainDirectoryOptions
{
    public TimeSpan RangeLeaseDuration { get; set; } = TimeSpan.FromSeconds(30);
}

public class GatewayOptions
{
    public TimeSpan GatewayListRefreshPeriod { get; set; } = TimeSpan.FromMinutes(1);

    public int PreferredGatewayIndex { get; set; } = -1;
}

/// <summary>Of the memory storage, which here needs none.</summary>
public class MemoryGrainStorageOptions
{
    public int NumStorageGrains { get; set; } = 10;

    public int InitStage { get; set; } = ServiceLifecycleStage.ApplicationServices;
}

/// <summary>Of streams that poll, which these do not: nothing reads them.</summary>
public class StreamPullingAgentOptions
{
    public int BatchContainerBatchSize { get; set; } = 1;

    public TimeSpan GetQueueMsgsTimerPeriod { get; set; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan InitQueueTimeout { get; set; } = TimeSpan.FromSeconds(5);

    public TimeSpan MaxEventDeliveryTime { get; set; } = TimeSpan.FromMinutes(1);

    public TimeSpan StreamInactivityPeriod { get; set; } = TimeSpan.FromMinutes(30);
}
