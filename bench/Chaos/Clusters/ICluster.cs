namespace Realtime.Chaos.Clusters;

/// <summary>Silos and fronts that can be ended and started again, by their number.</summary>
internal interface ICluster : IAsyncDisposable
{
    /// <summary>Where clients find the fronts, those that are down included, as a list of addresses in a client would be.</summary>
    IReadOnlyList<Uri> Fronts { get; }

    /// <summary>Ends a server; done when it is gone.</summary>
    Task End(Victim victim);

    /// <summary>Starts a server in the place of one that was ended; done when it serves.</summary>
    Task Start(Victim victim);
}
