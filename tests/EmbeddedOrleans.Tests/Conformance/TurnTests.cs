namespace Realtime.EmbeddedOrleans.Tests.Conformance;

public interface ITurnGrain : IGrainWithStringKey
{
    Task<int> Add(int value);

    Task<int> AddSlowly(int value);

    Task WaitFor(string gate);

    Task<string> Schedulers();

    Task<int> StartedTasks(int count);
}

public sealed class TurnGrain : Grain, ITurnGrain
{
    private int _sum;
    private int _inside;

    public Task<int> Add(int value) => Task.FromResult(_sum += value);

    public async Task<int> AddSlowly(int value)
    {
        // Without turns these reads and writes would mix.
        Assert.Equal(1, ++_inside);
        var before = _sum;
        await Task.Yield();
        await Task.Delay(1);
        _sum = before + value;
        Assert.Equal(0, --_inside);
        return _sum;
    }

    public async Task WaitFor(string gate)
    {
        _inside++;
        await Gates.Enter(gate);
        _inside--;
    }

    public async Task<string> Schedulers()
    {
        var before = TaskScheduler.Current;
        await Task.Yield();
        var afterYield = TaskScheduler.Current;
        await Task.Delay(1);
        var afterDelay = TaskScheduler.Current;
        var started = await Task.Factory.StartNew(() => TaskScheduler.Current);
        var continued = await Task.CompletedTask.ContinueWith(_ => TaskScheduler.Current);
        var escaped = await Task.Run(() => TaskScheduler.Current);
        return string.Join(' ', before != TaskScheduler.Default, before == afterYield, before == afterDelay, before == started, before == continued, escaped == TaskScheduler.Default);
    }

    public async Task<int> StartedTasks(int count)
    {
        // Tasks that a grain starts are turns too.
        var value = 0;
        await Task.WhenAll(Enumerable.Range(0, count).Select(_ => Task.Factory.StartNew(async () =>
        {
            var before = value;
            Thread.SpinWait(100);
            value = before + 1;
            await Task.Yield();
        }).Unwrap()));
        return value;
    }
}

public interface ICallerGrain : IGrainWithStringKey
{
    Task<string> CallTwice(ITurnGrain other);
}

public sealed class CallerGrain : Grain, ICallerGrain
{
    public async Task<string> CallTwice(ITurnGrain other)
    {
        var context = GrainContext;
        await other.Add(1);
        var same = ReferenceEquals(context, GrainContext);
        var scheduler = TaskScheduler.Current;
        await other.Add(1);
        return $"{same} {scheduler == TaskScheduler.Current} {scheduler != TaskScheduler.Default}";
    }
}

/// <summary>The turns of an activation are single-threaded, one call after the other, and survive awaits.</summary>
public sealed class TurnTests(SharedCluster shared)
{
    [Fact]
    public async Task Calls_of_one_grain_run_one_after_the_other()
    {
        var grain = shared.NewGrain<ITurnGrain>();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => grain.AddSlowly(1))).Soon();
        Assert.Equal(50, await grain.Add(0).Soon());
    }

    [Fact]
    public async Task Parallel_callers_lose_no_update()
    {
        var grain = shared.NewGrain<ITurnGrain>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 250; i++)
                await grain.Add(1);
        }))).Soon();
        Assert.Equal(2000, await grain.Add(0).Soon());
    }

    [Fact]
    public async Task A_call_waits_while_another_awaits()
    {
        var grain = shared.NewGrain<ITurnGrain>();
        var gate = Guid.NewGuid().ToString();
        var first = grain.WaitFor(gate);
        await Gates.Begun(gate);
        var second = grain.Add(1);
        Assert.False(second.IsCompleted);
        await Assert.ThrowsAsync<TimeoutException>(() => second.WaitAsync(TimeSpan.FromMilliseconds(100)));
        Gates.Open(gate);
        await first.Soon();
        Assert.Equal(1, await second.Soon());
    }

    [Fact]
    public async Task What_is_awaited_comes_back_to_the_grain()
    {
        Assert.Equal("True True True True True True", await shared.NewGrain<ITurnGrain>().Schedulers().Soon());
        Assert.Equal("True True True", await shared.NewGrain<ICallerGrain>().CallTwice(shared.NewGrain<ITurnGrain>()).Soon());
    }

    [Fact]
    public async Task Tasks_that_a_grain_starts_run_as_turns() => Assert.Equal(500, await shared.NewGrain<ITurnGrain>().StartedTasks(500).Soon());

    [Fact]
    public async Task Grains_run_at_once()
    {
        var (one, other) = (shared.NewGrain<ITurnGrain>(), shared.NewGrain<ITurnGrain>());
        var gate = Guid.NewGuid().ToString();
        var waiting = one.WaitFor(gate);
        await Gates.Begun(gate);
        Assert.Equal(1, await other.Add(1).Soon());
        Assert.False(waiting.IsCompleted);
        Gates.Open(gate);
        await waiting.Soon();
    }
}
