using Orleans.Runtime;

namespace Realtime.WebFront.Tests;

/// <summary>Calls that are made again.</summary>
public sealed class RetryTests
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(20);

    /// <summary>When a call that never succeeds was made again, in milliseconds after it was made first.</summary>
    private static async Task<double[]> Attempts(int seed)
    {
        var time = new SkippingTimeProvider();
        var attempts = new List<double>();
        var last = new SiloUnavailableException("dead");
        var error = await Assert.ThrowsAsync<SiloUnavailableException>(() => Retry.Transient<int>(
            () =>
            {
                attempts.Add(time.Passed.TotalMilliseconds);
                return Task.FromException<int>(last);
            },
            s_bound, time, new Random(seed)));
        Assert.Same(last, error);
        return [.. attempts];
    }

    [Fact]
    public async Task Callers_that_fail_together_do_not_come_back_together()
    {
        const int callers = 200;
        var all = await Task.WhenAll(Enumerable.Range(0, callers).Select(Attempts));
        for (var attempt = 1; attempt < 20; attempt++)
        {
            // Evenly spread over the first bound, which is 50 ms, it is a tenth that comes within 5 ms.
            double[] moments = [.. all.Select(attempts => attempts[attempt])];
            var most = moments.Max(moment => moments.Count(other => other >= moment && other < moment + 5));
            Assert.InRange(most, 1, callers / 5);
        }
    }

    [Fact]
    public async Task Pauses_take_all_of_a_bound_that_doubles_up_to_the_longest_and_end_with_the_time()
    {
        var all = await Task.WhenAll(Enumerable.Range(0, 200).Select(Attempts));
        foreach (var (attempt, most) in new[] { (1, 50), (2, 100), (3, 200), (4, 400), (5, 500), (20, 500) })
        {
            double[] pauses = [.. all.Select(attempts => attempts[attempt] - attempts[attempt - 1])];
            Assert.All(pauses, pause => Assert.InRange(pause, 0, most));
            Assert.InRange(pauses.Min(), 0, 0.1 * most);
            Assert.InRange(pauses.Max(), 0.9 * most, most);
        }
        Assert.All(all, attempts => Assert.InRange(attempts[^1], 19_000, 20_000));
    }

    public static TheoryData<Exception> Passing => [new TimeoutException(), new SiloUnavailableException(), new OperationCanceledException("Message expired before placement could complete.")];

    [Theory, MemberData(nameof(Passing))]
    public async Task What_passes_by_itself_is_tried_again(Exception failure)
    {
        var attempts = 0;
        var answer = await Retry.Transient(
            () => ++attempts < 3 ? Task.FromException<int>(failure) : Task.FromResult(attempts), s_bound, new SkippingTimeProvider());
        Assert.Equal(3, answer);
    }

    [Fact]
    public async Task What_does_not_pass_by_itself_is_not_tried_again()
    {
        var time = new SkippingTimeProvider();
        await Assert.ThrowsAsync<ArgumentException>(() => Retry.Transient<int>(() => Task.FromException<int>(new ArgumentException("no")), s_bound, time));
        Assert.Equal(TimeSpan.Zero, time.Passed);
    }

    /// <summary>A clock on which every wait is over at once.</summary>
    private sealed class SkippingTimeProvider : TimeProvider
    {
        public TimeSpan Passed { get; private set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Passed.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Passed += dueTime;
            return TimeProvider.System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
