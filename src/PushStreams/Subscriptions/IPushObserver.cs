using System.Globalization;

namespace Realtime.PushStreams.Subscriptions;

/// <summary>How long the calls below may take.</summary>
internal static class PushCalls
{
    // It decides how long a hung gateway holds up what is sent through it. A subscriber that needs longer for a batch does no
    // harm: the call is repeated, and answered when the first has ended.
    public const string TimeoutText = "00:00:01";

    public static readonly TimeSpan Timeout = TimeSpan.Parse(TimeoutText, CultureInfo.InvariantCulture);
}

/// <summary>A subscriber, as its producers call it.</summary>
internal interface IPushObserver<T> : IGrainObserver
{
    /// <summary>
    /// Takes events; completes when the subscriber has handled them. What it has had already it leaves out, so a call may
    /// be repeated.
    /// </summary>
    /// <param name="sender">Who numbers the events: one producer's process, for this subscriber.</param>
    /// <param name="first">The number of the first event; of the one that will come next, if there are none.</param>
    /// <param name="events">Events with consecutive numbers.</param>
    [ResponseTimeout(PushCalls.TimeoutText)]
    Task Push(Guid sender, long first, [Immutable] T[] events);
}

/// <summary>A producer's process, as the subscriptions of a stream tell it of changes.</summary>
internal interface IPushProducer : IGrainObserver
{
    [ResponseTimeout(PushCalls.TimeoutText)]
    Task Changed(string subscriptions, [Immutable] PushSubscribers now);
}
