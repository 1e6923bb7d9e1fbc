using System.Security.Cryptography;

namespace Realtime.Silo.Rooms;

/// <summary>
/// The rules of a room, without any engine: applies commands one after another and collects the events that go to the
/// fronts. <see cref="RoomGrain"/> hosts it and calls it from one turn at a time.
/// </summary>
internal sealed class Room(string name, RoomOptions options, TimeProvider time)
{
    private readonly RoomMembers _members = new();
    private readonly RoomHistory _history = new(options.HistoryMessages, options.HistoryAge);
    private readonly PublishDedupe _dedupe = new(options.DedupeEntries, options.DedupeWindow);
    private long _sequence;
    private long _order;
    private long _countToldAt;

    /// <summary>New whenever the room starts without its past, so that positions of before mean nothing. 64 random bits.</summary>
    public string Epoch { get; private set; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    /// <summary>How many users are in it.</summary>
    public int Members => _members.Users;

    /// <summary>The number of the last event.</summary>
    public long Order => _order;

    public bool IsEmpty => _members.Connections == 0;

    /// <summary>Set when the count of a large room has changed and not been told yet.</summary>
    public bool CountIsDue { get; private set; }

    public Position Position => new(Epoch, _sequence);

    /// <summary>What the fronts with members must be told, in order; cleared by <see cref="TakeEvents"/>.</summary>
    private readonly List<FrontEvent> _events = [];

    /// <summary>The fronts that <see cref="TakeEvents"/> is for.</summary>
    public IReadOnlyCollection<string> Fronts => _members.Fronts;

    public FrontEvent[] TakeEvents()
    {
        if (_events.Count == 0)
            return [];
        FrontEvent[] taken = [.. _events];
        _events.Clear();
        return taken;
    }

    public RoomState Save() => new()
    {
        Epoch = Epoch,
        Sequence = _sequence,
        Order = _order,
        Members = _members.Save(),
        History = _history.Save(),
        Publishes = _dedupe.Save(),
    };

    /// <summary>Goes on where another one was; before anything else.</summary>
    public void Load(RoomState state)
    {
        (Epoch, _sequence, _order) = (state.Epoch, state.Sequence, state.Order);
        _members.Load(state.Members);
        _history.Load(state.History, state.Sequence);
        _dedupe.Load(state.Publishes);
        CountIsDue = _members.Users > options.PresenceLimit; // what was due is told again
    }

    public RoomReply Apply(string front, RoomCommand command) => command switch
    {
        PublishCommand publish => Publish(publish),
        JoinCommand join => Join(front, join),
        LeaveCommand leave => Leave(front, leave),
        SyncCommand sync => Sync(front, sync),
        _ => throw new ArgumentException($"A room knows no command {command?.GetType().Name ?? "null"}."),
    };

    private JoinedReply Join(string front, JoinCommand join)
    {
        if (_members.Add(front, join.Connection, join.User))
            TellPresence(FrontEventKind.Joined, join.User);
        if (join.Since is not { } since)
            return new JoinedReply(Position, _order, _members.Users, null, []);
        var missed = since.Epoch == Epoch ? _history.After(since.Sequence, NowMs()) : null;
        return new JoinedReply(Position, _order, _members.Users, missed is not null, missed ?? []);
    }

    private LeftReply Leave(string front, LeaveCommand leave)
    {
        if (_members.Remove(front, leave.Connection) is { } user)
            TellPresence(FrontEventKind.Left, user);
        return LeftReply.Instance;
    }

    private SyncedReply Sync(string front, SyncCommand sync)
    {
        foreach (var member in sync.Members)
            _members.Add(front, member.Connection, member.User);
        // A front of another epoch has heard nothing of this one.
        var after = sync.Since is { } since && since.Epoch == Epoch ? since.Sequence : 0;
        var missed = _history.After(after, NowMs());
        return new SyncedReply(Position, _order, missed ?? [], missed is not null, _members.Users);
    }

    /// <summary>A front is gone, and all its connections with it.</summary>
    public void Drop(string front)
    {
        foreach (var user in _members.RemoveFront(front))
            TellPresence(FrontEventKind.Left, user);
    }

    public bool HasFront(string front) => _members.HasFront(front);

    private RoomReply Publish(PublishCommand publish)
    {
        if (TryPublish(FrontEventKind.Message, publish.User, publish.Id, publish.Body, out var receipt))
            return new PublishedReply(receipt);
        return new RefusedReply("id_conflict", "This id was used for another message; a new message needs a new id.");
    }

    /// <summary>Accepts a message, or recognises one that it has; false when the id stands for another message.</summary>
    public bool TryPublish(FrontEventKind kind, string? from, string? id, byte[] body, out Receipt receipt)
    {
        var now = NowMs();
        if (id is not null && _dedupe.TryGet(from, id, body, now, out receipt, out var sameBody))
            return sameBody;
        receipt = new Receipt(Epoch, ++_sequence, now);
        var message = new FrontEvent
        {
            Kind = kind,
            Target = name,
            From = from,
            Epoch = Epoch,
            Sequence = _sequence,
            Order = ++_order,
            Timestamp = now,
            Body = body,
        };
        _history.Add(message);
        if (id is not null)
            _dedupe.Add(from, id, body, receipt);
        _events.Add(message);
        return true;
    }

    public MembersPage Page(string? after, int limit) => _members.Page(after, limit);

    public RoomDescription Describe() => new(_members.Users, _members.Connections, _members.FrontCount, Position);

    /// <summary>Tells the count of a large room, at most once per interval; the grain's timer calls it again while it is due.</summary>
    public void TellCount()
    {
        var now = NowMs();
        if (!CountIsDue || now - _countToldAt < options.PresenceCountInterval.TotalMilliseconds)
            return;
        CountIsDue = false;
        _countToldAt = now;
        _events.Add(Presence(FrontEventKind.Presence, null, now));
    }

    private void TellPresence(FrontEventKind kind, string user)
    {
        if (_members.Users <= options.PresenceLimit)
        {
            _events.Add(Presence(kind, user, NowMs()));
            return;
        }
        CountIsDue = true;
        TellCount();
    }

    private FrontEvent Presence(FrontEventKind kind, string? user, long now) => new()
    {
        Kind = kind,
        Target = name,
        From = user,
        Epoch = Epoch,
        Order = ++_order,
        Timestamp = now,
        Members = _members.Users,
    };

    private long NowMs() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
