namespace Realtime.Silo.Webhooks;

/// <summary>
/// What of one room waits for one receiver, in the room's order. Its methods are called under the lock of its <see cref="WebhookReceiver"/>.
/// </summary>
internal sealed class WebhookBacklog(string room)
{
    private readonly Queue<WebhookEvent> _events = new();

    public string Room => room;

    public int Count => _events.Count;

    public long Bytes { get; private set; }

    public bool IsEmpty => _events.Count == 0 && LostFirst is null && LostLast is null;

    /// <summary>Those that were before the first that waits: too old, or in a process that was killed.</summary>
    public LostEvents? LostFirst { get; set; }

    /// <summary>Those after the last that waits, for which there was no place.</summary>
    public LostEvents? LostLast { get; private set; }

    /// <summary>What it is doing; only one of it at a time.</summary>
    public BacklogState State { get; set; }

    /// <summary>How many requests with its first event have failed.</summary>
    public int Attempts { get; set; }

    /// <summary>Its grain goes to another silo, and nothing more is taken.</summary>
    public bool IsPaused { get; set; }

    /// <summary>Until its next attempt.</summary>
    public ITimer? Timer { get; set; }

    /// <summary>Completes when it has no request under way; made when somebody waits for that.</summary>
    public TaskCompletionSource? Settled { get; set; }

    public WebhookEvent? First => _events.TryPeek(out var first) ? first : null;

    public void Add(in WebhookEvent item)
    {
        _events.Enqueue(item);
        Bytes += item.Bytes;
    }

    /// <summary>There is no place for it.</summary>
    public void Lose(in WebhookEvent item) => LostLast = LostEvents.Add(LostLast, item);

    /// <summary>There is place again: what was lost has its own in the row.</summary>
    public void AddLost()
    {
        if (LostLast is not { } lost)
            return;
        LostLast = null;
        Add(WebhookEvents.Encode(room, lost) with { Sequence = lost.To });
    }

    /// <summary>Gives the first events, up to so many and their bytes, but at least one if there is none before it.</summary>
    public int Peek(List<WebhookEvent> into, int events, ref int bytes)
    {
        var count = 0;
        foreach (var item in _events)
        {
            if (count == events || (bytes < item.Json.Length && into.Count > 0))
                break;
            into.Add(item);
            bytes -= item.Json.Length + 1; // and a comma
            count++;
        }
        return count;
    }

    /// <summary>Takes the first events out.</summary>
    /// <param name="count">How many.</param>
    /// <param name="reached">Told the epoch and the sequence of the last message among them.</param>
    public void Remove(int count, Action<string, long>? reached = null)
    {
        var (epoch, sequence) = ("", 0L);
        for (; count > 0; count--)
        {
            var item = _events.Dequeue();
            Bytes -= item.Bytes;
            if (item.Sequence > 0)
                (epoch, sequence) = (item.Epoch, item.Sequence);
        }
        if (sequence > 0)
            reached?.Invoke(epoch, sequence);
    }

    /// <summary>Takes out what happened before that time.</summary>
    /// <returns>How many events.</returns>
    public int Expire(long before)
    {
        var count = 0;
        while (_events.TryPeek(out var first) && first.Timestamp < before)
        {
            LostFirst = LostEvents.Add(LostFirst, first);
            Remove(1);
            count++;
        }
        return count;
    }

    public WebhookState Save(string receiver) => new(receiver, [.. _events], LostFirst, LostLast, State == BacklogState.Sending ? Attempts + 1 : Attempts);

    /// <summary>What it is here for already, of a room that was taken from this silo, is older.</summary>
    public void Load(WebhookState state)
    {
        foreach (var item in state.Events)
            Add(item);
        (LostFirst, LostLast, Attempts) = (LostFirst ?? state.LostFirst, state.LostLast ?? LostLast, Math.Max(Attempts, state.Attempts));
    }
}

/// <summary>What is done with a backlog.</summary>
internal enum BacklogState : byte
{
    /// <summary>Nothing: it is empty.</summary>
    Idle,
    /// <summary>It waits for its turn.</summary>
    Ready,
    /// <summary>A request with its first events is under way.</summary>
    Sending,
    /// <summary>A request has failed, and the next comes later.</summary>
    Waiting,
}

/// <summary>What goes with a room to another silo.</summary>
[GenerateSerializer, Immutable, Alias("realtime.room.state.webhook")]
internal sealed record WebhookState(
    [property: Id(0)] string Receiver, [property: Id(1)] WebhookEvent[] Events, [property: Id(2)] LostEvents? LostFirst, [property: Id(3)] LostEvents? LostLast, [property: Id(4)] int Attempts);
