namespace Realtime.Silo.Rooms;

/// <summary>
/// The last batch of each front and its reply, for a repeat after a reply that was lost. A front that has left may repeat its last
/// batch too. An array, as a room has few fronts, and there are many rooms.
/// </summary>
internal sealed class LastBatches
{
    private LastBatch[] _batches = [];

    public bool IsEmpty => _batches.Length == 0;

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
        if (at >= 0)
            _batches[at] = last;
        else
            _batches = [.. _batches, last];
    }

    /// <summary>The front is gone and repeats nothing.</summary>
    public void Remove(string front) => _batches = [.. _batches.Where(last => last.Front != front)];

    public LastBatch[] Save() => [.. _batches];

    public void Load(LastBatch[] batches) => _batches = batches;

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
