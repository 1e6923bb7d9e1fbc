namespace Realtime.Silo.Rooms;

/// <summary>
/// The last batch of each front and its reply, for a repeat after a reply that was lost. A front that has left may repeat its last
/// batch too. An array, as a room has few fronts, and there are many rooms.
/// </summary>
internal sealed class LastBatches
{
    private LastBatch[] _batches = [];

    public bool IsEmpty => _batches.Length == 0;

    /// <summary>The bodies that the replies hold for who resumed, and the data of members and the state for who asked for that.</summary>
    public long MissedBytes { get; private set; }

    /// <summary>The reply to the front's last batch, if this is its repeat; null for a new batch.</summary>
    /// <exception cref="ArgumentException">The batch is older than the front's last one.</exception>
    public SubmitReply? ReplyTo(string front, long batch)
    {
        var at = IndexOf(front);
        if (at < 0 || batch > _batches[at].Batch)
            return null;
        return batch == _batches[at].Batch
            ? _batches[at].Reply
            : throw new ArgumentException($"Batch {batch} of front {front} comes after {_batches[at].Batch}; batches of a front must grow.");
    }

    public void Set(string front, long batch, SubmitReply reply)
    {
        var last = new LastBatch(front, batch, reply);
        var at = IndexOf(front);
        MissedBytes += MissedIn(reply) - (at < 0 ? 0 : MissedIn(_batches[at].Reply));
        if (at >= 0)
            _batches[at] = last;
        else
            _batches = [.. _batches, last];
    }

    /// <summary>The front is gone and repeats nothing.</summary>
    public void Remove(string front) => Load([.. _batches.Where(last => last.Front != front)]);

    /// <summary>Repeats of who resumed are answered as if nothing were left, and without members; returns the bytes that this frees.</summary>
    public long ForgetMissed()
    {
        var bytes = MissedBytes;
        if (bytes == 0)
            return 0;
        foreach (ref var last in _batches.AsSpan())
        {
            if (MissedIn(last.Reply) == 0)
                continue;
            RoomReply[] replies = [.. last.Reply.Replies.Select(reply => reply switch
            {
                JoinedReply { Missed.Length: > 0 } joined => joined with { Recovered = false, Missed = [], Presence = null, State = null },
                SyncedReply { Missed.Length: > 0 } synced => synced with { Complete = false, Missed = [], Presence = null, State = null },
                JoinedReply joined => joined with { Presence = null, State = null },
                SyncedReply synced => synced with { Presence = null, State = null },
                _ => reply,
            })];
            last = last with { Reply = last.Reply with { Replies = replies } };
        }
        MissedBytes = 0;
        return bytes;
    }

    public LastBatch[] Save() => [.. _batches];

    public void Load(LastBatch[] batches)
    {
        _batches = batches;
        MissedBytes = batches.Sum(last => MissedIn(last.Reply));
    }

    private static long MissedIn(SubmitReply reply)
    {
        var bytes = 0L;
        MembersPage? counted = null; // one page is for all replies
        StateEntry[]? countedState = null; // and so is one state
        foreach (var answer in reply.Replies)
        {
            var (missed, page, state) = answer switch
            {
                JoinedReply joined => (joined.Missed, joined.Presence, joined.State),
                SyncedReply synced => (synced.Missed, synced.Presence, synced.State),
                _ => ([], null, null),
            };
            foreach (var message in missed)
                bytes += message.Body.Length;
            if (state is not null && !ReferenceEquals(state, countedState))
            {
                countedState = state;
                foreach (var entry in state)
                    bytes += StateTable.BytesOf(entry);
            }
            if (page?.Data is null || ReferenceEquals(page, counted))
                continue;
            counted = page;
            foreach (var data in page.Data)
                bytes += data?.Length ?? 0;
        }
        return bytes;
    }

    private int IndexOf(string front)
    {
        for (var i = 0; i < _batches.Length; i++)
        {
            if (_batches[i].Front == front)
                return i;
        }
        return -1;
    }
}
