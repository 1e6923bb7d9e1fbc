using Realtime.Client.Protocol;

namespace Realtime.Client.State;

/// <summary>A message without an answer. What is sent again under an id must be the same, so its frame is kept.</summary>
internal sealed class Outgoing(string id, string? room, bool isSilent, byte[] frame, long deadline)
{
    private readonly TaskCompletionSource<DirectReceipt> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Id { get; } = id;

    /// <summary>Null for a direct message.</summary>
    public string? Room { get; } = room;

    /// <summary>Whether this client gets no echo of it.</summary>
    public bool IsSilent { get; } = isSilent;

    public byte[] Frame { get; } = frame;

    public long Deadline { get; } = deadline;

    /// <summary>What it changes of the room's state.</summary>
    public StateChange? Change { get; init; }

    /// <summary>Whether it was sent by the connection that is open now.</summary>
    public bool IsSent { get; set; }

    /// <summary>Whether it was sent by any.</summary>
    public bool WasTried { get; set; }

    public LinkedListNode<Outgoing>? Node { get; set; }

    public Task<DirectReceipt> Task => _answer.Task;

    public void Answer(in DirectReceipt receipt) => _answer.TrySetResult(receipt);

    public void Fail(RealtimeException error) => _answer.Fail(error);
}

/// <summary>The messages without an answer, in the order of sending, bounded in number and bytes. Under the session's lock.</summary>
internal sealed class Outbox(int maxMessages, int maxBytes)
{
    private readonly LinkedList<Outgoing> _order = new();
    private readonly Dictionary<(string? Room, string Id), Outgoing> _byId = [];
    private long _bytes;

    public IEnumerable<Outgoing> All => _order;

    /// <exception cref="RealtimeException">It is full.</exception>
    /// <exception cref="ArgumentException">The id waits already.</exception>
    public void Add(Outgoing item)
    {
        if (_byId.ContainsKey((item.Room, item.Id)))
            throw new ArgumentException($"The id '{item.Id}' belongs to a message that waits for its answer; a new message needs a new id.");
        if (_order.Count >= maxMessages)
            throw new RealtimeException(RealtimeErrorCodes.QueueFull, $"{maxMessages} messages wait for an answer already.") { Room = item.Room };
        if (_bytes + item.Frame.Length > maxBytes)
        {
            throw new RealtimeException(RealtimeErrorCodes.QueueFull,
                $"The message has {item.Frame.Length} bytes and {_bytes} wait for an answer already; together {maxBytes} may.")
            { Room = item.Room };
        }
        item.Node = _order.AddLast(item);
        _byId.Add((item.Room, item.Id), item);
        _bytes += item.Frame.Length;
    }

    /// <summary>Takes it out, to settle it.</summary>
    /// <returns>Whether it was in.</returns>
    public bool Take(Outgoing item)
    {
        if (item.Node is not { } node)
            return false;
        item.Node = null;
        _order.Remove(node);
        _byId.Remove((item.Room, item.Id));
        _bytes -= item.Frame.Length;
        return true;
    }

    /// <summary>The message that an answer is about. Of errors that name no room the id alone tells.</summary>
    public Outgoing? Find(scoped in ServerFrame frame)
    {
        if (frame.Id.Decode() is not { } id)
            return null;
        var room = frame.Room.Decode();
        if (_byId.TryGetValue((room, id), out var found) || room is not null)
            return found;
        return _order.FirstOrDefault(item => item.Id == id);
    }

    /// <summary>Of those under way the one that a server finds too large: the largest is one such, the others may not be.</summary>
    public Outgoing? Largest() => _order.Where(item => item.IsSent).MaxBy(item => item.Frame.Length);
}
