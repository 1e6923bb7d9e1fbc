using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Realtime.EmbeddedOrleans.Tests.Conformance;

public interface IMovingGrain : IGrainWithStringKey
{
    Task<SiloAddress> Where();

    /// <summary>The grain is to move, by itself, when it ends for this reason; to whatever silo if none is named.</summary>
    Task MoveWhen(DeactivationReasonCode reason, SiloAddress? target);

    /// <summary>Fails if it is not the caller's next number.</summary>
    Task<int> Add(string caller, int number);

    Task<int> Count();

    Task SetUnwritten(int value);

    Task<int> GetUnwritten();

    Task MoveItself();

    Task FailIn(string step);

    Task WaitFor(string gate);
}

/// <summary>Counts in memory only: the count is right as long as each move carries it over.</summary>
[RandomPlacement]
public sealed class MovingGrain(ILocalSiloDetails silo, Residents residents, [PersistentState("moving", "plain")] IPersistentState<Account> account)
    : Grain, IMovingGrain, IGrainMigrationParticipant
{
    public static readonly ConcurrentDictionary<string, ImmutableList<string>> Steps = new();

    private Dictionary<string, int> _numbers = [];
    private DeactivationReasonCode _moveWhen;
    private SiloAddress? _moveTo;
    private string _failIn = "";

    public static ImmutableList<string> StepsOf(IMovingGrain grain) => Steps.GetValueOrDefault(grain.GetPrimaryKeyString(), []);

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        residents.Contexts.TryAdd(GrainContext, true);
        return Step("activate");
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        residents.Contexts.TryRemove(GrainContext, out _);
        if (_moveTo is not null)
            RequestContext.Set(IPlacementDirector.PlacementHintKey, _moveTo);
        if (_moveWhen == reason.ReasonCode)
            MigrateOnIdle();
        return Step("deactivate " + reason.ReasonCode);
    }

    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        Assert.True(dehydrationContext.TryAddValue("numbers", _numbers));
        Assert.True(dehydrationContext.TryAddValue("fails in", _failIn));
        _ = Step("dehydrate");
    }

    public void OnRehydrate(IRehydrationContext rehydrationContext)
    {
        Assert.True(rehydrationContext.TryGetValue("numbers", out Dictionary<string, int>? numbers));
        _numbers = numbers;
        if (rehydrationContext.TryGetValue("fails in", out string? failIn))
            _failIn = failIn;
        _ = Step("rehydrate");
    }

    public Task<SiloAddress> Where() => Task.FromResult(silo.SiloAddress);

    public Task MoveWhen(DeactivationReasonCode reason, SiloAddress? target)
    {
        (_moveWhen, _moveTo) = (reason, target);
        return Task.CompletedTask;
    }

    public Task<int> Add(string caller, int number)
    {
        var last = _numbers.GetValueOrDefault(caller);
        if (number != last + 1)
            throw new InvalidOperationException($"{caller} sent {number} after {last}.");
        _numbers[caller] = number;
        return Task.FromResult(number);
    }

    public Task<int> Count() => Task.FromResult(_numbers.Values.Sum());

    public Task SetUnwritten(int value)
    {
        account.State.Balance = value;
        return Task.CompletedTask;
    }

    public Task<int> GetUnwritten() => Task.FromResult(account.State.Balance);

    public Task MoveItself()
    {
        MigrateOnIdle();
        return Task.CompletedTask;
    }

    public Task FailIn(string step)
    {
        _failIn = step;
        return Task.CompletedTask;
    }

    public Task WaitFor(string gate) => Gates.Enter(gate);

    private Task Step(string step)
    {
        Steps.AddOrUpdate(this.GetPrimaryKeyString(), [step], (_, steps) => steps.Add(step));
        if (_failIn == step)
        {
            _failIn = "";
            throw new InvalidOperationException($"It is to fail in {step}.");
        }

        return Task.CompletedTask;
    }
}

/// <summary>The activations of one silo, and what it does with them when it stops.</summary>
public sealed class Residents : ILifecycleParticipant<ISiloLifecycle>
{
    public ConcurrentDictionary<IGrainContext, bool> Contexts { get; } = new();

    /// <summary>Set: where all go, before the silo is marked as one that shuts down.</summary>
    public SiloAddress? Refuge { get; set; }

    public int Moved { get; private set; }

    public void Participate(ISiloLifecycle lifecycle) =>
        lifecycle.Subscribe(nameof(Residents), ServiceLifecycleStage.Active, _ => Task.CompletedTask, MoveAll);

    private async Task MoveAll(CancellationToken cancellationToken)
    {
        if (Refuge is null)
            return;
        foreach (var context in Contexts.Keys)
        {
            context.Migrate(new Dictionary<string, object> { [IPlacementDirector.PlacementHintKey] = Refuge }, cancellationToken);
            await context.Deactivated.WaitAsync(cancellationToken);
            Moved++;
        }
    }
}

public interface IBaggageGrain : IGrainWithStringKey
{
    Task<(SiloAddress Silo, string[] Findings)> Arrive();
}

/// <summary>Says what it finds of all kinds of things that can be sent along.</summary>
[RandomPlacement]
public sealed class BaggageGrain(ILocalSiloDetails silo) : Grain, IBaggageGrain, IGrainMigrationParticipant
{
    private readonly List<string> _findings = [];
    private readonly List<int> _list = [1, 2];

    public Task<(SiloAddress Silo, string[] Findings)> Arrive() => Task.FromResult((silo.SiloAddress, _findings.ToArray()));

    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        Note(dehydrationContext.TryAddValue("list", _list), "list added");
        Note(dehydrationContext.TryAddValue("list", _list), "list added twice");
        Note(dehydrationContext.TryAddValue("number", 7), "number added");
        Note(dehydrationContext.TryAddValue<string>("nothing", null), "nothing added");
        Note(dehydrationContext.TryAddValue("unknown", new Unsendable()), "unknown added");
        dehydrationContext.AddBytes("bytes", [1, 2, 3]);
        dehydrationContext.AddBytes("written", static (value, writer) => writer.Write([value, value]), (byte)9);
        Note(dehydrationContext.Keys.Contains("bytes"), "key of bytes seen");
        try
        {
            dehydrationContext.AddBytes("bytes", [4]);
        }
        catch (ArgumentException)
        {
            _findings.Add("bytes not added twice");
        }

        _list.Add(3);
        dehydrationContext.TryAddValue("findings", _findings);
    }

    public void OnRehydrate(IRehydrationContext rehydrationContext)
    {
        if (rehydrationContext.TryGetValue("findings", out List<string>? findings))
            _findings.AddRange(findings);
        if (rehydrationContext.TryGetValue("list", out List<int>? list))
        {
            _findings.Add("list " + string.Join(",", list));
            list.Add(4);
        }

        if (rehydrationContext.TryGetValue("list", out List<int>? again))
            _findings.Add("list again " + string.Join(",", again));
        if (rehydrationContext.TryGetValue("number", out int number))
            _findings.Add("number " + number);
        Note(rehydrationContext.TryGetValue<string>("nothing", out _), "nothing found");
        Note(rehydrationContext.TryGetValue<string>("absent", out _), "absent found");
        Note(rehydrationContext.TryGetBytes("absent", out _), "absent bytes found");
        foreach (var key in new[] { "bytes", "written" })
        {
            if (rehydrationContext.TryGetBytes(key, out var bytes))
                _findings.Add($"{key} {string.Join(",", bytes.ToArray())}");
        }

        Note(new[] { "list", "number", "nothing", "bytes", "written", "findings" }.All(rehydrationContext.Keys.Contains), "keys seen");
    }

    private void Note(bool holds, string what) => _findings.Add(holds ? what : "not " + what);
}

/// <summary>Nothing that could be sent.</summary>
public sealed class Unsendable;
