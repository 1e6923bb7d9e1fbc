using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.PushStreams;

/// <summary>How a push stream provider behaves. Silos and clients may differ, except where it says so.</summary>
public sealed class PushStreamOptions : ISettings
{
    /// <summary>
    /// The most events that wait for one subscriber in one producer's process; a batch that arrives below the bound is taken
    /// whole. 1 to 1,000,000.
    /// </summary>
    [Range(1, 1_000_000)]
    public int MaxPendingEvents { get; set; } = 10_000;

    /// <summary>
    /// The most bytes that wait for one subscriber in one producer's process, where the events tell their size, as those of rooms do; a batch that
    /// arrives below the bound is taken whole. 64 KiB to 1 GiB.
    /// </summary>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int MaxPendingBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// The most events in one call. Larger calls gain nothing any more, and delay what a client's connection carries
    /// besides. 1 to 100,000.
    /// </summary>
    [Range(1, 100_000)]
    public int MaxBatchEvents { get; set; } = 256;

    /// <summary>
    /// How long a producer waits for a place among the pending events. After it events are dropped at once, until there is
    /// place again, and the subscriber is told how many. 0 to 1 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan FullWait { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a batch that is not acknowledged is sent again and again, before it is dropped. 1 s to 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan DeliveryTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How often a subscriber repeats its subscription, and a producer asks who listens, while it produces. So long the
    /// subscriptions may be unknown after their silo has died. 100 ms to 1 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan AnnouncePeriod { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// A subscriber that has not repeated its subscription for so long is gone. After the death of the subscriptions' silo
    /// nobody counts as gone for so long. More than a silo may hang before it is declared dead; the same on silos and
    /// clients. 1 s to 10 min, and at least three times <see cref="AnnouncePeriod"/>.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan SubscriberTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the stop of a silo or client waits until what it has taken is delivered. 0 to 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(5);


    /// <summary>About so many bytes an event holds, a <c>Func&lt;T, int&gt;</c> for the type of the stream's events; null when these do not tell.</summary>
    internal Delegate? SizeOf { get; set; }

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        if (SubscriberTimeout < 3 * AnnouncePeriod)
            yield return new(nameof(SubscriberTimeout), $"is {SubscriberTimeout}; it must be at least three times AnnouncePeriod, which is {AnnouncePeriod}.");
    }
}
