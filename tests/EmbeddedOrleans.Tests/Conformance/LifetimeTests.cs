using System.Collections.Concurrent;

namespace Realtime.EmbeddedOrleans.Tests.Conformance;

public interface ILifeGrain : IGrainWithStringKey
{
    Task<int> Use();

    Task EndWhenIdle();

    Task EndAndWait(string gate);

    Task<string> StayFor(TimeSpan time);
}

public sealed class LifeGrain : Grain, ILifeGrain, IDisposable
{
    /// <summary>What happened to the grain of a key.</summary>
    public static readonly ConcurrentDictionary<string, ConcurrentQueue<string>> Events = new();

    private int _uses;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        Note("activated");
        return Task.CompletedTask;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await Task.Yield();
        Note($"deactivated {reason.ReasonCode}");
    }

    public void Dispose() => Note("disposed");

    public Task<int> Use() => Task.FromResult(++_uses);

    public Task EndWhenIdle()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public async Task EndAndWait(string gate)
    {
        DeactivateOnIdle();
        await Gates.Enter(gate);
        Note("waited");
    }

    public Task<string> StayFor(TimeSpan time)
    {
        DelayDeactivation(time);
        return Task.FromResult(IdentityString);
    }

    private void Note(string what) => Events.GetOrAdd(this.GetPrimaryKeyString(), _ => new()).Enqueue(what);
}

public interface IStayingGrain : IGrainWithStringKey
{
    Task<int> Use();
}

[KeepAlive]
public sealed class StayingGrain : Grain, IStayingGrain
{
    private int _uses;

    public Task<int> Use() => Task.FromResult(++_uses);
}

public interface IContextGrain : IGrainWithGuidKey
{
    Task<string> Describe();
}

/// <summary>A grain class without the base class.</summary>
public sealed class ContextGrain(IGrainContext context) : IGrainBase, IContextGrain
{
    private bool _activated;

    public IGrainContext GrainContext => context;

    public Task OnActivateAsync(CancellationToken token)
    {
        _activated = true;
        return Task.CompletedTask;
    }

    public Task<string> Describe() => Task.FromResult($"{this.GetPrimaryKey():N} {_activated}");
}

public interface IManyGrain : IGrainWithIntegerKey
{
    Task<Guid> Work(string gate);
}

[StatelessWorker(3)]
public sealed class ManyGrain : Grain, IManyGrain
{
    private readonly Guid _id = Guid.NewGuid();

    public async Task<Guid> Work(string gate)
    {
        Gates.Get(gate + (Gates.Get(gate + 1).TrySetResult() ? " first" : " second")).TrySetResult();
        await Gates.Enter(gate);
        return _id;
    }
}

/// <summary>How activations come and go.</summary>
public sealed class LifetimeTests(SharedCluster shared)
{
    [Fact]
    public async Task The_first_call_activates_and_deactivation_is_in_order()
    {
        var key = Guid.NewGuid().ToString();
        var grain = shared.Client.GetGrain<ILifeGrain>(key);
        Assert.False(LifeGrain.Events.ContainsKey(key));
        Assert.Equal(1, await grain.Use().Soon());
        Assert.Equal(2, await grain.Use().Soon());
        Assert.Equal(["activated"], LifeGrain.Events[key]);
        var ended = shared.Cluster.WaitForDeactivationAsync(grain);
        await grain.EndWhenIdle().Soon();
        await ended.Soon();
        Assert.Equal(1, await grain.Use().Soon());
        Assert.Equal(["activated", "deactivated ApplicationRequested", "disposed", "activated"], LifeGrain.Events[key]);
    }

    [Fact]
    public async Task Deactivation_waits_for_running_calls_and_those_that_wait_go_to_the_next_activation()
    {
        var key = Guid.NewGuid().ToString();
        var grain = shared.Client.GetGrain<ILifeGrain>(key);
        await grain.Use().Soon();
        var gate = Guid.NewGuid().ToString();
        var ending = grain.EndAndWait(gate);
        await Gates.Begun(gate);
        var next = grain.Use();
        await Assert.ThrowsAsync<TimeoutException>(() => next.WaitAsync(TimeSpan.FromMilliseconds(100)));
        Gates.Open(gate);
        await ending.Soon();
        Assert.Equal(1, await next.Soon());
        Assert.Equal(["activated", "waited", "deactivated ApplicationRequested", "disposed", "activated"], LifeGrain.Events[key]);
    }

    [Fact]
    public async Task Idle_activations_are_collected_and_come_back()
    {
        await using var cluster = new InProcessTestClusterBuilder(1)
            .ConfigureSilo((_, silo) => silo.Configure<GrainCollectionOptions>(options =>
            {
                options.CollectionQuantum = TimeSpan.FromMilliseconds(100);
                options.CollectionAge = TimeSpan.FromMilliseconds(600);
            }))
            .Build();
        await cluster.DeployAsync();
        var (idle, used, kept, delayed) = (Key(), Key(), Key(), Key());
        var (idleGrain, usedGrain) = (cluster.Client.GetGrain<ILifeGrain>(idle), cluster.Client.GetGrain<ILifeGrain>(used));
        var keptGrain = cluster.Client.GetGrain<IStayingGrain>(kept);
        var delayedGrain = cluster.Client.GetGrain<ILifeGrain>(delayed);
        await Task.WhenAll(idleGrain.Use(), keptGrain.Use(), delayedGrain.StayFor(TimeSpan.FromMinutes(5))).Soon();

        var uses = 0;
        await Wait.Until(async () =>
        {
            uses++;
            Assert.Equal(uses, await usedGrain.Use());
            return LifeGrain.Events[idle].Contains("disposed");
        });
        Assert.Equal(["activated", "deactivated ActivationIdle", "disposed"], LifeGrain.Events[idle]);
        Assert.Equal(["activated"], LifeGrain.Events[used]);
        Assert.Equal(["activated"], LifeGrain.Events[delayed]);
        Assert.Equal(2, await keptGrain.Use().Soon());
        Assert.Equal(1, await idleGrain.Use().Soon());
    }

    [Fact]
    public async Task A_grain_class_needs_no_base_class()
    {
        var key = Guid.NewGuid();
        Assert.Equal($"{key:N} True", await shared.Client.GetGrain<IContextGrain>(key).Describe().Soon());
    }

    [Fact]
    public async Task A_stateless_worker_has_several_activations()
    {
        var grain = shared.Client.GetGrain<IManyGrain>(0);
        var gate = Guid.NewGuid().ToString();
        var calls = Enumerable.Range(0, 12).Select(_ => grain.Work(gate)).ToArray();
        await Gates.Get(gate + " second").Task.Soon();
        Gates.Open(gate);
        var workers = (await Task.WhenAll(calls).Soon()).Distinct().Count();

        // Two silos with at most three each.
        Assert.InRange(workers, 2, 6);
    }

    [Fact]
    public async Task Values_of_the_request_travel_with_calls_and_do_not_come_back()
    {
        var grain = shared.NewGrain<ITraceGrain>();
        RequestContext.Set("trace", "abc");
        Assert.Equal("abc abc", await grain.Trace(2).Soon());
        Assert.Equal("abc", RequestContext.Get("trace"));
        RequestContext.Remove("trace");
        Assert.Equal("none none", await grain.Trace(2).Soon());
    }

    [Fact]
    public void References_tell_their_keys()
    {
        var guid = Guid.NewGuid();
        var byGuid = shared.Client.GetGrain<IContextGrain>(guid);
        var byNumber = shared.Client.GetGrain<IManyGrain>(-5);
        var byText = shared.Client.GetGrain<ILifeGrain>("some key");
        Assert.Equal((guid, -5L, "some key"), (byGuid.GetPrimaryKey(), byNumber.GetPrimaryKeyLong(), byText.GetPrimaryKeyString()));
        Assert.Equal("life/some key", byText.GetGrainId().ToString());
        Assert.Equal(byText.GetGrainId(), GrainId.Parse("life/some key"));
        Assert.Equal(byText, shared.Client.GetGrain<ILifeGrain>(byText.GetGrainId()));
        Assert.NotEqual(byText, shared.Client.GetGrain<ILifeGrain>("another key"));
    }

    private static string Key() => Guid.NewGuid().ToString();
}

public interface ITraceGrain : IGrainWithStringKey
{
    Task<string> Trace(int depth);
}

public sealed class TraceGrain : Grain, ITraceGrain
{
    public async Task<string> Trace(int depth)
    {
        await Task.Yield();
        var own = RequestContext.Get("trace") as string ?? "none";
        if (depth == 1)
        {
            RequestContext.Set("trace", "changed");
            return own;
        }

        var inner = await GrainFactory.GetGrain<ITraceGrain>(this.GetPrimaryKeyString() + "+").Trace(depth - 1);
        return $"{own} {inner}";
    }
}
