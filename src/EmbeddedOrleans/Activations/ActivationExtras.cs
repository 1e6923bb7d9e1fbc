using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>What only some activations have; guarded by the activation's lock.</summary>
internal sealed class ActivationExtras
{
    public ActivationId Id;
    public ActivationServices? Services;
    public Dictionary<Type, object>? Components;
    public List<GrainTimer>? Timers;
    public List<IStoredState>? States;

    /// <summary>The handlers of this activation for its stream subscriptions.</summary>
    public Dictionary<Guid, object>? StreamHandlers;

    /// <summary>The call chains that may call back into this activation, with how often each was entered.</summary>
    public Dictionary<Guid, int>? ReentrantChains;

    /// <summary>The workers that this activation is one of.</summary>
    public StatelessWorkers? Workers;

    public DeactivationReason Reason;

    /// <summary>That the activation is to move to another silo when it ends.</summary>
    public Migration? Migration;

    /// <summary>What the activation before this one has sent along, until it is read.</summary>
    public MigrationContext? Rehydration;

    public TaskCompletionSource? Deactivated;

    /// <summary>Cancelled when the activation ends.</summary>
    public CancellationTokenSource? Ended;

    /// <summary>The collector's tick before which the activation stays.</summary>
    public long KeepUntil;
}
