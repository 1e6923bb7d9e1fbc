using System.Collections.Concurrent;

namespace Realtime.EmbeddedOrleans.Tests.Conformance;

public interface ITimerGrain : IGrainWithStringKey
{
    Task Start(int dueMilliseconds, int periodMilliseconds, bool interleave, bool fail);

    Task StartOnce();

    Task Change(int dueMilliseconds, int periodMilliseconds);

    Task Stop();

    [AlwaysInterleave]
    Task<int> Ticks();

    Task WaitFor(string gate);

    Task End();

    Task<bool> TickedOnTurn();
}

public sealed class TimerGrain : Grain, ITimerGrain
{
    /// <summary>Ticks by key, which go on to be counted when the activation has gone.</summary>
    public static readonly ConcurrentDictionary<string, int> All = new();

    private IGrainTimer? _timer;
    private TaskScheduler? _scheduler;
    private bool _ticking;
    private bool _onTurn = true;

    public Task Start(int dueMilliseconds, int periodMilliseconds, bool interleave, bool fail)
    {
        _scheduler = TaskScheduler.Current;
        _timer = this.RegisterGrainTimer(Tick, fail, new GrainTimerCreationOptions
        {
            DueTime = TimeSpan.FromMilliseconds(dueMilliseconds),
            Period = TimeSpan.FromMilliseconds(periodMilliseconds),
            Interleave = interleave,
        });
        return Task.CompletedTask;
    }

    public Task StartOnce()
    {
        _timer = this.RegisterGrainTimer(() => Tick(false, default), TimeSpan.FromMilliseconds(10), Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }

    public Task Change(int dueMilliseconds, int periodMilliseconds)
    {
        _timer!.Change(TimeSpan.FromMilliseconds(dueMilliseconds), TimeSpan.FromMilliseconds(periodMilliseconds));
        return Task.CompletedTask;
    }

    public Task Stop()
    {
        _timer!.Dispose();
        return Task.CompletedTask;
    }

    public Task<int> Ticks() => Task.FromResult(All.GetValueOrDefault(this.GetPrimaryKeyString()));

    public async Task WaitFor(string gate) => await Gates.Enter(gate);

    public Task End()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task<bool> TickedOnTurn() => Task.FromResult(_onTurn);

    private async Task Tick(bool fail, CancellationToken token)
    {
        _onTurn &= !_ticking && (_scheduler is null || _scheduler == TaskScheduler.Current);
        _ticking = true;
        await Task.Yield();
        All.AddOrUpdate(this.GetPrimaryKeyString(), 1, (_, ticks) => ticks + 1);
        _ticking = false;
        if (fail)
            throw new InvalidOperationException("A tick fails.");
    }
}

/// <summary>Timers of grains.</summary>
public sealed class TimerTests(SharedCluster shared)
{
    [Fact]
    public async Task A_timer_ticks_on_turns_until_it_is_disposed()
    {
        var grain = shared.NewGrain<ITimerGrain>();
        await grain.Start(0, 10, interleave: false, fail: false).Soon();
        await Wait.Until(async () => await grain.Ticks() >= 5);
        Assert.True(await grain.TickedOnTurn().Soon());
        await grain.Stop().Soon();
        var ticks = await grain.Ticks().Soon();
        await Task.Delay(100);
        Assert.Equal(ticks, await grain.Ticks().Soon());
    }

    [Fact]
    public async Task A_timer_without_a_period_ticks_once()
    {
        var grain = shared.NewGrain<ITimerGrain>();
        await grain.StartOnce().Soon();
        await Wait.Until(async () => await grain.Ticks() == 1);
        await Task.Delay(100);
        Assert.Equal(1, await grain.Ticks().Soon());
        await grain.Change(10, -1).Soon();
        await Wait.Until(async () => await grain.Ticks() == 2);
    }

    [Fact]
    public async Task A_timer_that_fails_goes_on()
    {
        var grain = shared.NewGrain<ITimerGrain>();
        await grain.Start(0, 10, interleave: false, fail: true).Soon();
        await Wait.Until(async () => await grain.Ticks() >= 3);
    }

    [Fact]
    public async Task A_tick_waits_its_turn_unless_it_interleaves()
    {
        var (waits, interleaves) = (shared.NewGrain<ITimerGrain>(), shared.NewGrain<ITimerGrain>());
        await waits.Start(50, 10, interleave: false, fail: false).Soon();
        await interleaves.Start(50, 10, interleave: true, fail: false).Soon();
        var (gate, otherGate) = (Guid.NewGuid().ToString(), Guid.NewGuid().ToString());
        var waiting = new[] { waits.WaitFor(gate), interleaves.WaitFor(otherGate) };
        await Gates.Begun(gate);
        await Gates.Begun(otherGate);
        var before = await waits.Ticks().Soon();
        await Wait.Until(async () => await interleaves.Ticks() >= 3);
        Assert.InRange(await waits.Ticks().Soon(), before, before + 1);
        Gates.Open(gate);
        Gates.Open(otherGate);
        await Task.WhenAll(waiting).Soon();
        await Wait.Until(async () => await waits.Ticks() >= before + 3);
    }

    [Fact]
    public async Task A_timer_ends_with_its_activation()
    {
        var grain = shared.NewGrain<ITimerGrain>();
        await grain.Start(0, 10, interleave: false, fail: false).Soon();
        await Wait.Until(async () => await grain.Ticks() >= 1);
        var ended = shared.Cluster.WaitForDeactivationAsync(grain);
        await grain.End().Soon();
        await ended.Soon();
        var key = grain.GetPrimaryKeyString();
        var ticks = TimerGrain.All[key];
        await Task.Delay(100);
        Assert.Equal(ticks, TimerGrain.All[key]);
    }
}
