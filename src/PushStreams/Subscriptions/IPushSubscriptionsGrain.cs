namespace Realtime.PushStreams.Subscriptions;

/// <summary>
/// Who listens to a stream. Kept in memory only: subscribers repeat themselves, so after the loss of its silo the next
/// activation knows them again within <see cref="PushStreamOptions.AnnouncePeriod"/>.
/// </summary>
internal interface IPushSubscriptionsGrain : IGrainWithStringKey
{
    /// <summary>Adds a subscriber, or says that it is still there. When it completes, the producers that watch know of it.</summary>
    /// <param name="subscriber">Who; new at the first time.</param>
    /// <param name="timeout">It is gone if it has not repeated this for so long.</param>
    [ResponseTimeout("00:00:02")]
    Task Announce(PushSubscriber subscriber, TimeSpan timeout);

    [ResponseTimeout("00:00:02")]
    Task Remove(Guid subscriber);

    /// <summary>Answers who listens, and tells the producer of changes from now on, until it cannot be reached.</summary>
    [ResponseTimeout("00:00:01")]
    Task<PushSubscribers> Watch(IPushProducer producer);
}

/// <summary>One subscription.</summary>
/// <param name="Id">Of the subscription.</param>
/// <param name="Observer">Of an <see cref="IPushObserver{T}"/>: names the client, wherever it is connected.</param>
/// <param name="IsNew">
/// It has begun with this activation. Otherwise it has been there before, and a producer that has not known it owes it
/// word of what it missed.
/// </param>
[GenerateSerializer, Immutable, Alias("realtime.push.subscriber")]
internal readonly record struct PushSubscriber([property: Id(0)] Guid Id, [property: Id(1)] GrainId Observer, [property: Id(2)] bool IsNew);

/// <summary>The subscriptions of a stream at a time.</summary>
/// <param name="Activation">Which activation says so.</param>
/// <param name="Version">Grows with each change within an activation.</param>
/// <param name="IsComplete">
/// The activation is so old that whoever has not repeated himself since is gone. Before that, who is not named may be there.
/// </param>
/// <param name="All">The subscribers.</param>
[GenerateSerializer, Immutable, Alias("realtime.push.subscribers")]
internal sealed record PushSubscribers(
    [property: Id(0)] Guid Activation, [property: Id(1)] long Version, [property: Id(2)] bool IsComplete, [property: Id(3)] PushSubscriber[] All);
