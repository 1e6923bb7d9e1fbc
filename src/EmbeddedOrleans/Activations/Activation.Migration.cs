using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Orleans.Core.Internal;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>
/// How an activation moves to another silo: it ends as always, gives what it holds to its successor there, and is replaced by it
/// in the directory in one step. Calls that wait are the successor's first ones, in their order.
/// </summary>
internal sealed partial class Activation : IGrainManagementExtension
{
    public void Migrate(Dictionary<string, object>? requestContext, CancellationToken cancellationToken = default) =>
        MigrateTo(null, requestContext, cancellationToken);

    ValueTask IGrainManagementExtension.DeactivateOnIdle()
    {
        Deactivate(new(DeactivationReasonCode.ApplicationRequested, "DeactivateOnIdle was called."));
        return default;
    }

    ValueTask IGrainManagementExtension.MigrateOnIdle()
    {
        var requestContext = RequestContext.Values;
        if (OtherSilo(requestContext) is { } target)
            MigrateTo(target, requestContext, CancellationToken.None);
        return default;
    }

    /// <summary>Also while it ends already, until OnDeactivateAsync has returned: so a grain can move when its silo stops.</summary>
    private void MigrateTo(Silo? target, Dictionary<string, object>? requestContext, CancellationToken cancellationToken)
    {
        lock (this)
        {
            if (_state == ActivationState.Dead)
                return;
            var migration = Extras.Migration ??= new Migration(requestContext);
            migration.Target = target ?? migration.Target;
        }

        Deactivate(new(DeactivationReasonCode.Migrating, "The activation moves to another silo."), cancellationToken);
    }

    /// <summary>Where placement wants it now; null if that is where it is, or nowhere.</summary>
    private Silo? OtherSilo(Dictionary<string, object>? requestContext)
    {
        // Stateless workers stand in no directory, in which one could replace the other.
        if (_class.MaxLocalWorkers > 0 || Silo.Cluster.Silos.IsEmpty)
            return null;
        var target = Silo.Cluster.Place(_class, GrainId, Silo.Caller, requestContext);
        return target == Silo ? null : target;
    }

    /// <summary>On the last turn: the activation that goes on elsewhere, with what this one holds; null if none is to, or can.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "What goes wrong in OnDehydrate is logged: the activation moves all the same.")]
    private Activation? MakeSuccessor()
    {
        Migration? migration;
        lock (this)
            migration = _extras?.Migration;
        if (migration is null)
            return null;
        var target = migration.Target is { } chosen && Silo.Cluster.Silos.Contains(chosen) ? chosen : OtherSilo(migration.RequestContext);
        if (target is null)
            return null;

        var context = new MigrationContext();
        try
        {
            RequestContext.Values = migration.RequestContext;
            (_instance as IGrainMigrationParticipant)?.OnDehydrate(context);
            foreach (var state in _extras!.States ?? [])
                state.OnDehydrate(context);
        }
        catch (Exception error)
        {
            Silo.Log.LogError(error, "{Grain} failed in OnDehydrate.", GrainId);
        }

        var successor = new Activation(target, _class, GrainId);
        successor.Extras.Rehydration = context;
        return successor;
    }

    /// <summary>On the successor's first turn.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "What goes wrong in OnRehydrate is logged: the activation starts all the same.")]
    private void Rehydrate(MigrationContext context)
    {
        try
        {
            foreach (var state in _extras!.States ?? [])
                state.OnRehydrate(context);
            (_instance as IGrainMigrationParticipant)?.OnRehydrate(context);
        }
        catch (Exception error)
        {
            Silo.Log.LogError(error, "{Grain} failed in OnRehydrate.", GrainId);
        }
    }

    /// <summary>False if this one, or the silo of the successor, has gone meanwhile.</summary>
    private bool TryGiveWayTo(Activation successor)
    {
        Silo.Collector.Remove(this);

        // With both locks: whoever finds the successor comes after the calls that have waited here.
        lock (this)
        {
            lock (successor)
            {
                if (!Silo.Cluster.TryReplace(this, successor))
                    return false;
                _state = ActivationState.Dead;
                MoveAll(_interleaving.TakeAll(), successor);
                MoveAll(_waiting.TakeAll(), successor);
                successor.Start();
            }
        }

        Silo.Uncount();
        successor.Silo.Count();
        if (successor.Silo.IsDown)
            successor.GiveUp();
        return true;
    }

    /// <summary>Activates it without a call. Under its lock.</summary>
    private void Start()
    {
        if (_scheduled)
            return;
        _scheduled = true;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private static void MoveAll(CallQueue calls, Activation successor)
    {
        while (!calls.IsEmpty)
            successor.TryAccept(calls.Dequeue());
    }
}
