namespace Realtime.EmbeddedOrleans.Tests.Conformance;

public interface IValueGrain : IGrainWithStringKey
{
    ValueTask<int> Echo(int number);

    ValueTask<string> EchoLater(string text);

    ValueTask Count();

    ValueTask<int> Counted();

    ValueTask<int> Fail(int number);

    /// <summary>Asks another grain, and says whether the answer came back to this one's own turns.</summary>
    ValueTask<(int Answer, bool IsOnTurn)> Relay(string other, int number);

    [AlwaysInterleave, ResponseTimeout("00:00:00.300")]
    ValueTask<int> EchoWhenOpen(string gate, int number);

    [AlwaysInterleave]
    ValueTask<int> EchoUnlessCancelled(string gate, int number, CancellationToken token);
}

public sealed class ValueGrain : Grain, IValueGrain
{
    private int _count;

    public ValueTask<int> Echo(int number) => new(number);

    public async ValueTask<string> EchoLater(string text)
    {
        await Task.Yield();
        return text;
    }

    public ValueTask Count()
    {
        _count++;
        return ValueTask.CompletedTask;
    }

    public ValueTask<int> Counted() => new(_count);

    public ValueTask<int> Fail(int number) => throw new RoomFullException("It is full.", number);

    public async ValueTask<(int, bool)> Relay(string other, int number)
    {
        var scheduler = TaskScheduler.Current;
        var answer = await GrainFactory.GetGrain<IValueGrain>(other).Echo(number);
        return (answer, scheduler == TaskScheduler.Current);
    }

    public async ValueTask<int> EchoWhenOpen(string gate, int number)
    {
        await Gates.Enter(gate);
        return number;
    }

    public async ValueTask<int> EchoUnlessCancelled(string gate, int number, CancellationToken token)
    {
        await Gates.Enter(gate).WaitAsync(token);
        return number;
    }
}

/// <summary>Methods that return a ValueTask. An engine may use the objects of such calls again; no call may see another's answer.</summary>
public sealed class ValueTaskTests(SharedCluster shared)
{
    [Fact]
    public async Task Each_of_many_calls_at_once_gets_its_own_answer()
    {
        var grains = Enumerable.Range(0, 4).Select(_ => shared.NewGrain<IValueGrain>()).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < 300; i++)
            {
                var number = caller * 1000 + i;
                var grain = grains[i % grains.Length];
                var other = grains[(i + 1) % grains.Length].GetPrimaryKeyString();
                Assert.Equal(number, await grain.Echo(number));
                Assert.Equal($"{number}", await grain.EchoLater($"{number}"));
                await grain.Count();
                Assert.Equal(number, (await Assert.ThrowsAsync<RoomFullException>(() => grain.Fail(number).AsTask())).Limit);
                // In one direction: two grains that ask each other would wait for each other.
                if (i % grains.Length < grains.Length - 1)
                    Assert.Equal((number, true), await grain.Relay(other, number));
            }
        }))).Soon();
        var counts = await Task.WhenAll(grains.Select(grain => grain.Counted().AsTask())).Soon();
        Assert.Equal(8 * 300, counts.Sum());
    }

    [Fact]
    public async Task An_answer_may_be_awaited_when_it_is_there_already()
    {
        var grain = shared.NewGrain<IValueGrain>();
        ValueTask<int>[] answers = [.. Enumerable.Range(0, 100).Select(grain.Echo)];
        await grain.Count();
        for (var i = answers.Length - 1; i >= 0; i--)
            Assert.Equal(i, await answers[i]);
    }

    [Fact]
    public async Task An_answer_that_comes_too_late_is_nobodys()
    {
        var grain = shared.NewGrain<IValueGrain>();
        var (late, open) = ($"{Guid.NewGuid()}", $"{Guid.NewGuid()}");
        Gates.Open(open);
        await Assert.ThrowsAsync<TimeoutException>(() => grain.EchoWhenOpen(late, -1).AsTask().Soon());
        for (var i = 0; i < 10; i++)
            Assert.Equal(i, await grain.EchoWhenOpen(open, i).AsTask().Soon());
        var another = $"{Guid.NewGuid()}";
        var waiting = grain.EchoWhenOpen(another, 11).AsTask();
        await Gates.Begun(another);
        Gates.Open(late);
        Gates.Open(another);
        Assert.Equal(11, await waiting.Soon());
    }

    [Fact]
    public async Task A_cancelled_call_does_not_cancel_a_later_one()
    {
        var grain = shared.NewGrain<IValueGrain>();
        using var source = new CancellationTokenSource();
        var gate = $"{Guid.NewGuid()}";
        var cancelled = grain.EchoUnlessCancelled(gate, 1, source.Token).AsTask();
        await Gates.Begun(gate);
        var (second, third) = ($"{Guid.NewGuid()}", $"{Guid.NewGuid()}");
        var others = new[] { grain.EchoUnlessCancelled(second, 2, default).AsTask(), grain.EchoUnlessCancelled(third, 3, default).AsTask() };
        await Gates.Begun(second);
        await Gates.Begun(third);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.Soon());
        Gates.Open(second);
        Gates.Open(third);
        int[] answers = await Task.WhenAll(others).Soon();
        Assert.Equal([2, 3], answers);
    }
}
