using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Users;

/// <summary>A partition of users as this front tells it of connections: in one order, and one call at a time.</summary>
internal sealed class LocalPartition(IUserPartitionGrain grain, LocalUsers users)
{
    private readonly Lock _gate = new();
    private Batch? _waiting;
    private bool _isCalling;
    private bool _tellsAll; // with the next call
    private int _told; // connections that the partition should know
    private volatile bool _hasFailed;
    private volatile string? _silo; // where it answered last

    public IUserPartitionGrain Grain { get; } = grain;

    public Task Attach(Session session)
    {
        Task told;
        lock (_gate)
        {
            if (session.IsClosed)
                return Task.CompletedTask; // nobody would tell that it is gone
            session.Partition = this;
            told = Add(new UserChange(session.User, session.Connection.Id, session.Connection.ConnectedAt), more: 1);
        }
        Start();
        return told;
    }

    public async Task Detach(Session session)
    {
        Task told;
        lock (_gate)
        {
            if (session.Partition is null)
                return;
            session.Partition = null;
            told = Add(new UserChange(session.User, session.Connection.Id, null), more: -1);
        }
        Start();
        await told.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it is in the log
    }

    /// <summary>Whether it may not know what it was told: on none of these silos, which are up, or after a call that failed.</summary>
    public bool IsOutOfStep(string[]? silos) => _hasFailed || (silos is not null && !silos.Contains(_silo));

    /// <summary>Tells it of all connections here, in place of what it knows of this front.</summary>
    public void TellAll()
    {
        lock (_gate)
            _tellsAll = true;
        Start();
    }

    /// <summary>Under the lock.</summary>
    private Task Add(UserChange change, int more)
    {
        _waiting ??= new Batch();
        _waiting.Changes.Add(change);
        _waiting.More += more;
        return _waiting.Told.Task;
    }

    /// <summary>Calls, unless that is under way: not on the connection's stack, and without its trace, since a call is for many.</summary>
    private void Start()
    {
        lock (_gate)
        {
            if (_isCalling)
                return;
            _isCalling = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(static partition => _ = partition.CallUntilDone(), this, preferLocal: true);
    }

    private async Task CallUntilDone()
    {
        while (true)
        {
            Batch? batch = null;
            try
            {
                if (!TryTake(out batch, out var isAll, out var changes))
                    return;
                var reply = await users.Submit(this, isAll, changes);
                End(batch, isAll, changes.Length, reply);
            }
            catch (Exception exception)
            {
                Fail(batch, exception);
            }
        }
    }

    private bool TryTake(out Batch batch, out bool isAll, out UserChange[] changes)
    {
        lock (_gate)
        {
            (isAll, _tellsAll) = (_tellsAll, false);
            _isCalling = isAll || _waiting is not null;
            batch = _waiting ?? new Batch();
            _waiting = null;
            // All who are here now are all of before with the batch's changes.
            changes = isAll ? [.. users.SessionsOf(this).Select(session => new UserChange(session.User, session.Connection.Id, session.Connection.ConnectedAt))] : [.. batch.Changes];
            return _isCalling;
        }
    }

    private void End(Batch batch, bool isAll, int changes, UsersReply reply)
    {
        _silo = reply.Silo;
        if (isAll)
        {
            (_told, _hasFailed) = (changes, false);
        }
        else
        {
            // The partition was lost and made anew, or took this front for dead.
            var isLost = _told > 0 && !reply.KnewFront;
            _told += batch.More;
            if (isLost)
                TellAll();
        }
        batch.Told.TrySetResult();
    }

    private void Fail(Batch? batch, Exception exception)
    {
        _hasFailed = true;
        SafeLog.Write(() => users.LogFailed(batch?.Changes.Count ?? 0, exception));
        if (batch is null || batch.Changes.Count == 0)
            return;
        _told += batch.More;
        batch.Told.TrySetException(exception);
    }

    private sealed class Batch
    {
        public List<UserChange> Changes { get; } = [];

        /// <summary>By how many connections there are more after it.</summary>
        public int More { get; set; }

        public TaskCompletionSource Told { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
