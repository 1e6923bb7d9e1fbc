namespace Realtime.PushStreams;

/// <summary>
/// Pauses between attempts. Each is random, from nothing to a bound that doubles up to the longest: what fails for many at one
/// moment, as calls to a silo that dies, is tried again by each at a moment of its own.
/// </summary>
/// <param name="first">The first bound.</param>
/// <param name="longest">The last one.</param>
/// <param name="random">Where the pauses come from; <see cref="Random.Shared"/> if null.</param>
internal sealed class Backoff(TimeSpan first, TimeSpan longest, Random? random = null)
{
    private TimeSpan _bound = first;

    public TimeSpan Next()
    {
        var pause = Part(_bound, random);
        _bound = _bound * 2 < longest ? _bound * 2 : longest;
        return pause;
    }

    /// <summary>Any time up to a period: so long a periodic task waits at its begin, for those that begin together not to go on in step.</summary>
    public static TimeSpan Part(TimeSpan period, Random? random = null) => (random ?? Random.Shared).NextDouble() * period;
}
