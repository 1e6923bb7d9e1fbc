using System.Diagnostics;

namespace Orleans.Embedded;

/// <summary>Something that runs as a turn of an activation: a grain call, a timer tick, a delivery of stream events.</summary>
internal abstract class Call
{
    /// <summary>The next in whatever list of its target holds it.</summary>
    internal Call? Next;

    /// <summary>The activation that accepted it.</summary>
    internal Activation? Target;

    internal Dictionary<string, object>? RequestContext;

    /// <summary>The caller's, if calls carry it.</summary>
    internal Activity? Activity;

    public virtual bool AlwaysInterleaves => false;

    public virtual bool IsReadOnly => false;

    /// <summary>Whether nobody waits any more, so that it need not begin.</summary>
    public virtual bool IsStale => false;

    /// <summary>Whether it keeps idle collection away.</summary>
    public virtual bool CountsAsUse => true;

    /// <summary>Runs on the turn. Returns the task to wait for, or null if it has ended. Throws nothing.</summary>
    public abstract Task? Begin(object instance);

    /// <summary>Runs on a turn again, when the task of <see cref="Begin"/> has completed. Throws nothing.</summary>
    public abstract void End(Task task);

    /// <summary>Ends it without a run.</summary>
    public abstract void Reject(Exception error);

    /// <summary>It has run and ended, and its target is done with it.</summary>
    public virtual void Retire()
    {
    }
}

/// <summary>Something that accepts calls: an activation, the workers of a stateless grain, an observer.</summary>
internal interface ICallTarget
{
    /// <summary>False if the target has gone, and the call must look for it anew.</summary>
    bool TryAccept(Call call);
}

/// <summary>First in, first out, linked through <see cref="Call.Next"/>: a queue that costs no memory while it is empty.</summary>
internal struct CallQueue
{
    private Call? _first;
    private Call? _last;

    public readonly bool IsEmpty => _first is null;

    public void Enqueue(Call call)
    {
        call.Next = null;
        if (_last is null)
            _first = call;
        else
            _last.Next = call;
        _last = call;
    }

    public Call Dequeue()
    {
        var call = _first!;
        _first = call.Next;
        if (_first is null)
            _last = null;
        call.Next = null;
        return call;
    }

    /// <summary>Takes all out, in order.</summary>
    public CallQueue TakeAll()
    {
        var all = this;
        this = default;
        return all;
    }
}
