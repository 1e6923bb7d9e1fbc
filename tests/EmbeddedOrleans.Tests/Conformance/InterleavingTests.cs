using Orleans.Serialization.Invocation;

namespace Realtime.EmbeddedOrleans.Tests.Conformance;

public interface IGatedGrain : IGrainWithStringKey
{
    Task WaitFor(string gate);

    Task Ping();

    [AlwaysInterleave]
    Task PingNow();

    [AlwaysInterleave]
    Task WaitNow(string gate);

    [ReadOnly]
    Task<int> ReadAt(string gate);

    [ReadOnly]
    Task<int> Read();

    [OneWay]
    Task Tell(string gate, bool fail);

    Task<bool> CallYourself();

    Task<bool> CallYourselfInChain();

    Task<int> MostAtOnce();
}

public abstract class GatedGrainBase : Grain
{
    private int _inside;
    private int _most;

    public async Task WaitFor(string gate)
    {
        _most = Math.Max(_most, ++_inside);
        await Gates.Enter(gate);
        _inside--;
    }

    public Task Ping() => Task.CompletedTask;

    public Task PingNow() => Task.CompletedTask;

    public async Task WaitNow(string gate) => await Gates.Enter(gate);

    public async Task<int> ReadAt(string gate)
    {
        await Gates.Enter(gate);
        return 1;
    }

    public Task<int> Read() => Task.FromResult(1);

    public Task Tell(string gate, bool fail)
    {
        Gates.Get(gate).TrySetResult();
        return fail ? throw new InvalidOperationException("Nobody hears this.") : Task.CompletedTask;
    }

    public async Task<bool> CallYourself() => await Completes(this.AsReference<IGatedGrain>().Ping());

    public async Task<bool> CallYourselfInChain()
    {
        using var chain = RequestContext.AllowCallChainReentrancy();
        return await Completes(this.AsReference<IGatedGrain>().Ping());
    }

    public Task<int> MostAtOnce() => Task.FromResult(_most);

    private static async Task<bool> Completes(Task call) => await Task.WhenAny(call, Task.Delay(300)) == call;
}

[GrainType("gated")]
public sealed class GatedGrain : GatedGrainBase, IGatedGrain;

public interface IReentrantGrain : IGatedGrain;

[Reentrant]
public sealed class ReentrantGrain : GatedGrainBase, IReentrantGrain;

public interface IChoosyGrain : IGrainWithStringKey
{
    Task WaitFor(string gate);

    Task Take(string what);
}

[MayInterleave(nameof(Interleaves))]
public sealed class ChoosyGrain : Grain, IChoosyGrain
{
    public static bool Interleaves(IInvokable request) => request.GetMethodName() == nameof(IChoosyGrain.Take) && Equals(request.GetArgument(0), "urgent");

    public async Task WaitFor(string gate) => await Gates.Enter(gate);

    public Task Take(string what) => Task.CompletedTask;
}

/// <summary>Which calls begin while another of the same grain awaits.</summary>
public sealed class InterleavingTests(SharedCluster shared)
{
    private static readonly TimeSpan s_while = TimeSpan.FromMilliseconds(150);

    [Fact]
    public async Task A_reentrant_grain_lets_calls_interleave()
    {
        var grain = shared.NewGrain<IReentrantGrain>();
        var gate = NewGate();
        var waiting = new[] { grain.WaitFor(gate), grain.WaitFor(gate), grain.WaitFor(gate) };
        await Wait.Until(async () => await grain.MostAtOnce() == 3);
        await grain.Ping().Soon();
        Gates.Open(gate);
        await Task.WhenAll(waiting).Soon();
        Assert.True(await grain.CallYourself().Soon());
    }

    [Fact]
    public async Task A_call_that_always_interleaves_begins_at_once()
    {
        var grain = shared.NewGrain<IGatedGrain>();
        var gate = NewGate();
        var waiting = grain.WaitFor(gate);
        await Gates.Begun(gate);
        await grain.PingNow().Soon();
        Assert.False(waiting.IsCompleted);
        Gates.Open(gate);
        await waiting.Soon();
    }

    [Fact]
    public async Task Others_begin_while_one_that_always_interleaves_awaits()
    {
        var grain = shared.NewGrain<IGatedGrain>();
        var gate = NewGate();
        var waiting = grain.WaitNow(gate);
        await Gates.Begun(gate);
        await grain.Ping().Soon();
        Assert.False(waiting.IsCompleted);
        Gates.Open(gate);
        await waiting.Soon();
    }

    [Fact]
    public async Task Read_only_calls_interleave_with_each_other_only()
    {
        var grain = shared.NewGrain<IGatedGrain>();
        var gate = NewGate();
        var reading = grain.ReadAt(gate);
        await Gates.Begun(gate);
        Assert.Equal(1, await grain.Read().Soon());
        var other = grain.Ping();
        await Assert.ThrowsAsync<TimeoutException>(() => other.WaitAsync(s_while));
        Assert.Equal(1, await grain.Read().Soon());
        Gates.Open(gate);
        await Task.WhenAll(reading, other).Soon();
    }

    [Fact]
    public async Task A_read_only_call_waits_for_one_that_is_not()
    {
        var grain = shared.NewGrain<IGatedGrain>();
        var gate = NewGate();
        var waiting = grain.WaitFor(gate);
        await Gates.Begun(gate);
        var reading = grain.Read();
        await Assert.ThrowsAsync<TimeoutException>(() => reading.WaitAsync(s_while));
        Gates.Open(gate);
        await Task.WhenAll(waiting, reading).Soon();
    }

    [Fact]
    public async Task A_one_way_call_does_not_wait_and_hears_no_error()
    {
        var grain = shared.NewGrain<IGatedGrain>();
        var (gate, told, failed) = (NewGate(), NewGate(), NewGate());
        var waiting = grain.WaitFor(gate);
        await Gates.Begun(gate);
        var tell = grain.Tell(told, fail: false);
        Assert.True(tell.IsCompletedSuccessfully);
        Assert.False(Gates.Get(told).Task.IsCompleted);
        Gates.Open(gate);
        await waiting.Soon();
        await Gates.Get(told).Task.Soon();
        await grain.Tell(failed, fail: true).Soon();
        await Gates.Get(failed).Task.Soon();
        await grain.Ping().Soon();
    }

    [Fact]
    public async Task A_call_to_oneself_waits_unless_its_chain_may_come_back()
    {
        Assert.False(await shared.NewGrain<IGatedGrain>().CallYourself().Soon());
        Assert.True(await shared.NewGrain<IGatedGrain>().CallYourselfInChain().Soon());
    }

    [Fact]
    public async Task A_predicate_chooses_which_calls_interleave()
    {
        var grain = shared.NewGrain<IChoosyGrain>();
        var gate = NewGate();
        var waiting = grain.WaitFor(gate);
        await Gates.Begun(gate);
        var ordinary = grain.Take("ordinary");
        await grain.Take("urgent").Soon();
        await Assert.ThrowsAsync<TimeoutException>(() => ordinary.WaitAsync(s_while));
        Gates.Open(gate);
        await Task.WhenAll(waiting, ordinary).Soon();
    }

    private static string NewGate() => Guid.NewGuid().ToString();
}
