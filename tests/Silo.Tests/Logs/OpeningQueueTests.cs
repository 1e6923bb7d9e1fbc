using Realtime.Silo.Logs;

namespace Realtime.Silo.Tests.Logs;

/// <summary>Whose log is opened next.</summary>
public sealed class OpeningQueueTests
{
    private static readonly TimeSpan s_wait = TimeSpan.FromSeconds(1.5);

    private readonly ManualTimeProvider _time = new();

    private OpeningQueue New(int slots = 1) => new(slots, _time);

    [Fact]
    public async Task Users_are_served_in_turn_however_much_one_of_them_wants()
    {
        var queue = New();
        Assert.True(await queue.Wait("mallory", s_wait));
        var mallory = Enumerable.Range(0, 100).Select(_ => queue.Wait("mallory", s_wait).AsTask()).ToArray();
        var alice = queue.Wait("alice", s_wait).AsTask();
        var bob = queue.Wait("bob", s_wait).AsTask();

        queue.Release(); // to mallory, who was first
        Assert.True(await mallory[0].WaitAsync(TestLogs.Bound));
        queue.Release();
        Assert.True(await alice.WaitAsync(TestLogs.Bound));
        queue.Release();
        Assert.True(await bob.WaitAsync(TestLogs.Bound));
        for (var i = 1; i < mallory.Length; i++)
        {
            Assert.False(mallory[i].IsCompleted);
            queue.Release();
            Assert.True(await mallory[i].WaitAsync(TestLogs.Bound));
        }
        queue.Release();
        Assert.True(await queue.Wait("alice", s_wait)); // the slot is free
    }

    [Fact]
    public async Task Who_has_waited_long_enough_is_told_and_takes_no_slot()
    {
        var queue = New(2);
        Assert.True(await queue.Wait("a", s_wait));
        Assert.True(await queue.Wait("a", s_wait));
        var late = queue.Wait("b", s_wait).AsTask();
        _time.Advance(s_wait);
        Assert.False(await late.WaitAsync(TestLogs.Bound));
        var next = queue.Wait("c", s_wait).AsTask();
        queue.Release();
        Assert.True(await next.WaitAsync(TestLogs.Bound));
    }

    [Fact]
    public async Task What_waits_is_bounded_for_each_user_and_all_in_all()
    {
        var queue = New();
        Assert.True(await queue.Wait("a", s_wait));
        var waiting = new List<Task<bool>>();
        for (var i = 0; i < OpeningQueue.MostOfUser; i++)
            waiting.Add(queue.Wait("mallory", s_wait).AsTask());
        Assert.False(await queue.Wait("mallory", s_wait).AsTask().WaitAsync(TestLogs.Bound));
        for (var i = OpeningQueue.MostOfUser; i < OpeningQueue.Most; i++)
            waiting.Add(queue.Wait("", s_wait).AsTask());
        Assert.False(await queue.Wait("bob", s_wait).AsTask().WaitAsync(TestLogs.Bound));
        Assert.All(waiting, waiter => Assert.False(waiter.IsCompleted));
        _time.Advance(s_wait);
        Assert.All(await Task.WhenAll(waiting).WaitAsync(TestLogs.Bound), Assert.False);
        queue.Release();
        Assert.True(await queue.Wait("bob", s_wait).AsTask().WaitAsync(TestLogs.Bound));
    }
}
