using System.Runtime.InteropServices;
using Realtime.Silo.Hooks;
using Realtime.Silo.Logs;

namespace Realtime.Silo.Rooms;

/// <summary>
/// The rules of a room, without Orleans: applies commands one after another and collects the messages that go to the
/// log, and the events that go to the fronts. <see cref="RoomGrain"/> hosts it and calls it from one turn at a time.
/// </summary>
/// <remarks>
/// What is <see cref="Pending"/> must be appended to the log, and then <see cref="Commit"/> be called, or
/// <see cref="RollBack"/>, before anything else.
/// </remarks>
internal sealed partial class Room(string name, RoomOptions options, TimeProvider time, Retention? retention = null)
{
    private readonly RoomMembers _members = new();
    private readonly RoomHistory _history = new(retention ?? options.RetentionOf(name));
    private readonly PublishDedupe _dedupe = new(options.DedupeEntries, options.DedupeWindow, options.DedupeBytes);
    private readonly List<LogEntry> _pending = [];
    private readonly List<FrontEvent> _events = [];
    private long _sequence; // pending messages included
    private long _order;
    private ResumeRates? _resumes; // made for the first who resumes

    /// <summary>Another one whenever the room starts without its past, so that positions of before mean nothing. Empty until the log was open.</summary>
    public string Epoch { get; private set; } = "";

    /// <summary>The log has been open, so the room has a position. Until then it has members, and no events for them.</summary>
    public bool HasPast => Epoch.Length > 0;

    /// <summary>The log is open. While it is not, publishes are refused.</summary>
    public bool IsWritable { get; private set; }

    /// <summary>Messages that are to be appended to the log.</summary>
    public ReadOnlySpan<LogEntry> Pending => CollectionsMarshal.AsSpan(_pending);

    /// <summary>How many users are in it.</summary>
    public int Members => _members.Users;

    /// <summary>The number of the last event.</summary>
    public long Order => _order;

    public bool IsEmpty => _members.Connections == 0;

    /// <summary>How long its history and its publish ids are still of use; zero when there are none.</summary>
    public TimeSpan ExpiresIn => TimeSpan.FromMilliseconds(Math.Max(0, Math.Max(_history.ExpiresAt, _dedupe.ExpiresAt) - NowMs()));

    /// <summary>What its history and its publish ids take in memory.</summary>
    public long KeptBytes => _history.Bytes + _dedupe.Bytes;

    public Position Position => new(Epoch, _sequence);

    /// <summary>What the fronts with members are to get, in order, until <see cref="ClearEvents"/>.</summary>
    public ReadOnlySpan<FrontEvent> Events => CollectionsMarshal.AsSpan(_events);

    /// <summary>The fronts that <see cref="Events"/> is for.</summary>
    public IReadOnlyCollection<string> Fronts => _members.Fronts;

    public void ClearEvents() => _events.Clear();

    /// <summary>What hooks are told; null when there are none.</summary>
    public RoomFacts? Facts { get; set; }

    public RoomState Save() => new()
    {
        Epoch = Epoch,
        Sequence = _sequence,
        Order = _order,
        Members = _data?.AddTo(_members.Save()) ?? _members.Save(),
        History = _history.Save(),
        Publishes = _dedupe.Save(),
        Untold = _fold?.Save() ?? [],
        Facts = Facts?.Save(),
        IsFollowed = _isFollowed,
        State = State(),
    };

    /// <summary>Takes over the state of a room on another silo; before anything else.</summary>
    public void Load(RoomState state)
    {
        (Epoch, _sequence, _order, IsWritable) = (state.Epoch, state.Sequence, state.Order, state.Log is not null);
        _members.Load(state.Members);
        LoadData(state);
        LoadState(state.State);
        _history.Load(state.History, state.Sequence);
        _dedupe.Load(state.Publishes);
        if (_count.Replaces(_members.Users))
            _count.Change(); // one that was due there
        if (state.Untold.Length > 0)
            Fold.Load(state.Untold);
        Facts?.Load(state.Facts ?? default);
    }

    /// <summary>
    /// The log is open, and its messages are the room's. They may be more than the room had: an append that was taken for failed.
    /// </summary>
    public void Open(OpenedLog opened)
    {
        var isFirst = !HasPast;
        (Epoch, _sequence, _order, IsWritable) = (opened.Epoch, opened.Sequence, opened.Log.Mark.FirstOrder, true);
        _history.Load(opened.Messages, opened.Sequence);
        _dedupe.Load(opened.Publishes);
        LoadState(opened.State);
        Facts?.Open(opened.Log.Mark.Term);
        if (isFirst)
            TellRestored(wasThere: opened.Log.Mark.Term > 1);
    }

    /// <summary>What was pending is in the log; returns the sequence from which on the room still needs the log.</summary>
    public long Commit()
    {
        var now = 0L;
        foreach (var entry in _pending)
        {
            _history.Add(entry.Message);
            now = entry.Message.Timestamp;
        }
        _pending.Clear();
        _state?.Commit();
        _history.Trim(now);
        return _history.First;
    }

    /// <summary>Frees so many bytes of history, and then of publish ids.</summary>
    public void Release(long bytes)
    {
        var kept = KeptBytes;
        _history.Release(bytes);
        if (bytes - (kept - KeptBytes) is var rest and > 0)
            _dedupe.Release(rest);
    }

    /// <summary>
    /// What was pending is not in the log, or it is not known whether it is: its publishes are undone, whatever else the turn did
    /// stays, and until the log is open again publishes are refused.
    /// </summary>
    /// <param name="replies">The replies of the turn, which are corrected.</param>
    public void RollBack(Span<RoomReply> replies)
    {
        IsWritable = false;
        var committed = _sequence -= _pending.Count;
        _pending.Clear();
        _dedupe.RollBackTo(committed);
        _state?.RollBack();
        _events.RemoveAll(item => item.Sequence > committed);
        Facts?.RollBackTo(committed);
        foreach (ref var reply in replies)
        {
            reply = reply switch
            {
                PublishedReply { Receipt: var receipt } when receipt.Epoch == Epoch && receipt.Sequence > committed => s_unavailable,
                JoinedReply joined => joined with { Position = Until(joined.Position), Missed = Only(joined.Missed), State = Committed(joined.State) },
                SyncedReply synced => synced with { Position = Until(synced.Position), Missed = Only(synced.Missed), State = Committed(synced.State) },
                _ => reply,
            };
        }

        Position Until(Position position) => position.Sequence > committed ? Position : position;
        FrontEvent[] Only(FrontEvent[] missed) =>
            missed is [.., var last] && last.Sequence > committed ? [.. missed.Where(item => item.Sequence <= committed)] : missed;
    }

    public RoomReply Apply(string front, RoomCommand command) => command switch
    {
        PublishCommand publish => Publish(publish),
        JoinCommand join => Join(front, join),
        LeaveCommand leave => Leave(front, leave),
        SyncCommand sync => Sync(front, sync),
        _ => throw new ArgumentException($"A room has no command {command?.GetType().Name ?? "null"}."),
    };

    private RoomReply Join(string front, JoinCommand join)
    {
        if (NameProblem(join.User) is { } refused)
            return refused;
        if (!HasPast)
            return s_unavailable;
        if (_members.Connections >= options.MaxMembers && !_members.Has(front, join.Connection))
        {
            SiloLimits.Met(SiloLimits.Members);
            return new RefusedReply(RoomException.RoomFull, $"The room has {options.MaxMembers} connections, as many as it may (Rooms:MaxMembers).");
        }
        if (!TryTakeData(front, join, out var data, out var wrong))
            return wrong;
        var missed = join.Since is { } since && since.Epoch == Epoch ? After(since.Sequence, join.MaxBytes) : null;
        if (!TryTakeResume(join.User, missed))
            missed = null;
        bool? recovered = join.Since is null ? null : missed is not null;
        if (missed is null && join.Last > 0)
        {
            missed = Newest(join.Last, join.MaxBytes);
            if (!TryTakeResume(join.User, missed))
                missed = null;
        }
        var state = join.WithState && recovered != true ? State() : null;
        if (state is { Length: > 0 } && !TryTakeResume(join.User, StateBytes))
            return s_tooMuchState;
        if (_members.IsHidden(front, join.Connection) is { } wasHidden && wasHidden != join.IsHidden)
            Remove(front, join.Connection);
        Add(front, join, data);
        return new JoinedReply(Position, _order, _members.Users, recovered, missed ?? []) { State = state };
    }

    /// <summary>What a join brings of the past counts for how much its user may have of it.</summary>
    private bool TryTakeResume(string user, FrontEvent[]? messages) => messages is null or [] || TryTakeResume(user, BodiesOf(messages));

    private bool TryTakeResume(string user, long bytes)
    {
        if ((_resumes ??= new(options.ResumeBytesPerSecond, options.ResumeBurstBytes)).TryTake(user, bytes, NowMs()))
            return true;
        SiloLimits.Met(SiloLimits.Resume);
        return false;
    }

    private LeftReply Leave(string front, LeaveCommand leave)
    {
        if (!_members.Has(front, leave.Connection))
            TellLoss();
        Remove(front, leave.Connection);
        if (IsEmpty)
            ForgetPresence();
        return LeftReply.Instance;
    }

    private RoomReply Sync(string front, SyncCommand sync)
    {
        Restore(front, sync);
        if (!HasPast)
            return s_unavailable; // but the front is a receiver now, and detects the gap when the log is open
        // A front of another epoch has no message of this one.
        var after = sync.Since is { } since && since.Epoch == Epoch ? since.Sequence : 0;
        var missed = After(after, sync.MaxBytes);
        var needsState = sync.NeedsState || (sync.FollowsState && (missed is null || sync.Since?.Epoch != Epoch));
        return new SyncedReply(Position, _order, missed ?? [], missed is not null, _members.Users) { State = needsState ? State() : null };
    }

    /// <summary>A front is gone, and all its connections with it.</summary>
    public void Drop(string front)
    {
        var changed = _data?.RemoveFront(front) ?? [];
        foreach (var user in _members.RemoveFront(front))
            PublishPresence(FrontEventKind.Left, user);
        foreach (var user in changed)
            Change(user, null);
        if (IsEmpty)
            ForgetPresence();
    }

    public bool HasFront(string front) => _members.HasFront(front);

    /// <summary>Of an inbox, in which nobody is seen: its members are told of messages by others.</summary>
    public void ForgetMembers()
    {
        foreach (var front in _members.Fronts.ToArray())
            _members.RemoveFront(front);
    }

    /// <param name="publish">What a front sends for a client.</param>
    /// <param name="body">What a hook has made of its body, checked; null for its own.</param>
    public RoomReply Publish(PublishCommand publish, byte[]? body = null) =>
        Problem(publish) ?? (publish.IsEphemeral
            ? SendEphemeral(publish.User, publish.Key, body ?? publish.Body, except: publish.Except, trace: publish.Trace)
            : Publish(FrontEventKind.Message, publish.User, publish.Id, body ?? publish.Body, except: publish.Except, named: publish.Body, change: ChangeOf(publish), trace: publish.Trace));

    /// <summary>What is wrong with it. Checked here too: a log may refuse a message with all others of the turn, those of other fronts included.</summary>
    public RefusedReply? Problem(PublishCommand publish)
    {
        if (NameProblem(publish.User) is { } refused)
            return refused;
        if ((PublishId.Problem(publish.Id) ?? KeyRules.Problem(publish.Key, publish.IsEphemeral, publish.IfVersion, publish.Ttl, publish.IsDeleted, publish.Body.Length > 0)) is { } problem)
            return new RefusedReply(RequestException.BadRequest, problem);
        if (publish.IsDeleted)
            return null;
        return MessageBody.Problem(publish.Body, options.MaxContentBytes) is { } wrong ? new RefusedReply(wrong.Code, wrong.Message) : null;
    }

    /// <summary>The publish id is remembered: with it the publish is a repeat, or a conflict.</summary>
    public bool IsKnown(string? from, string? id, bool isService) => id is not null && _dedupe.TryGet(isService ? KnownPublish.OfService(from) : from, id, NowMs(), out _);

    private static RefusedReply? NameProblem(string user) =>
        Names.Problem(user, "user") is { } problem ? new RefusedReply(RequestException.NameInvalid, problem) : null;

    /// <summary>
    /// Numbers a message, or recognises a repeat, by the body that was sent (<paramref name="named"/>) whatever a hook has made of it. With a
    /// <paramref name="change"/> of the state it has the key in its body, for whoever gets it.
    /// </summary>
    public RoomReply Publish(
        FrontEventKind kind, string? from, string? id, byte[] body, bool isService = false, string? except = null, byte[]? named = null, StateChange? change = null,
        MessageTrace? trace = null)
    {
        var sender = isService ? KnownPublish.OfService(from) : from; // ids of a service are not those of a user of its name
        var now = NowMs();
        var hash = id is null ? 0 : PublishDedupe.Hash(change is null ? named ?? body : MessageBody.WithKey(change, named ?? body, expires: 0));
        if (id is not null && _dedupe.TryGet(sender, id, now, out var known))
            return known.BodyHash == hash ? new PublishedReply(known.Receipt) : s_conflict;
        if (!IsWritable)
            return s_unavailable;
        if (change is not null && Problem(change, from, body, now) is { } refused)
            return refused;
        var receipt = new Receipt(Epoch, ++_sequence, now);
        var entry = change is null ? null : Change(change, from, isService, body, now);
        var message = new FrontEvent
        {
            Kind = kind,
            Target = name,
            From = from,
            Epoch = Epoch,
            Sequence = _sequence,
            Order = ++_order,
            Timestamp = now,
            Body = entry is null ? body : MessageBody.WithKey(change!, body, entry.Expires),
            IsService = isService,
            Except = except,
            Trace = trace,
        };
        _pending.Add(new LogEntry(message, id, hash) { State = entry });
        if (id is not null)
            _dedupe.Add(new KnownPublish(sender, id, hash, receipt));
        _events.Add(message);
        Facts?.Publish(message, id);
        return new PublishedReply(receipt);
    }

    /// <summary>A page of the messages before a sequence, or of the newest ones.</summary>
    /// <exception cref="RoomException">The position is of another epoch, or after the next message.</exception>
    public HistoryPage History(long? before, int limit, string? epoch)
    {
        if (epoch is not null && epoch != Epoch)
        {
            throw new RoomException(RoomException.PositionInvalid, HasPast
                ? $"The room is in epoch {Epoch}; positions of '{epoch}' mean nothing in it."
                : $"The room has no messages; positions of '{epoch}' mean nothing in it.");
        }
        if (before > _sequence + 1)
            throw new RoomException(RoomException.PositionInvalid, $"'before' is {before}, and the room's last message is {_sequence}.");
        var messages = _history.Before(before ?? long.MaxValue, limit, Limits.HistoryBytes, NowMs());
        return new HistoryPage(Epoch, messages, messages is [var first, ..] && first.Sequence > _history.First);
    }

    public RoomDescription Describe() => new(_members.Users, _members.Connections, _members.FrontCount, Position);

    public InboxDescription DescribeInbox() => new(_members.Connections, _history.CountAt(NowMs()), Position);

    /// <summary>As <see cref="RoomHistory.After"/>, and then what is pending; 0 bytes for no bound.</summary>
    private FrontEvent[]? After(long sequence, int maxBytes)
    {
        var bytes = maxBytes > 0 ? maxBytes : long.MaxValue;
        var committed = _sequence - _pending.Count;
        if (sequence > _sequence || _history.After(Math.Min(sequence, committed), NowMs(), bytes) is not { } missed)
            return null;
        if (_pending.Count > 0)
            missed = [.. missed, .. _pending.Select(entry => entry.Message).Where(message => message.Sequence > sequence)];
        return BodiesOf(missed) <= bytes ? missed : null;
    }

    /// <summary>At most so many of the newest messages without a hole, pending ones included; 0 bytes for no bound but that of a page.</summary>
    private FrontEvent[] Newest(int count, int maxBytes)
    {
        var bytes = maxBytes > 0 ? Math.Min(maxBytes, Limits.HistoryBytes) : Limits.HistoryBytes;
        count = Math.Min(count, Limits.HistoryPage);
        FrontEvent[] messages = [.. _history.Before(long.MaxValue, count, bytes, NowMs()), .. _pending.Select(entry => entry.Message)];
        var first = messages.Length;
        while (first > 0 && messages.Length - first < count && (bytes -= messages[first - 1].Body.Length) >= 0)
            first--;
        return messages[first..];
    }

    private static long BodiesOf(FrontEvent[] messages)
    {
        var bytes = 0L;
        foreach (var message in messages)
            bytes += message.Body.Length;
        return bytes;
    }

    private static readonly RefusedReply s_conflict =
        new(RoomException.IdConflict, "This id was used for another message; a new message needs a new id.");

    private static readonly RefusedReply s_unavailable =
        new(RoomException.Unavailable, "The room's log cannot be written now; try again, with the same id.");

    private static readonly RefusedReply s_tooMuchState = new(
        RoomException.Unavailable, "The user has had as much of what the room has kept as it may for now (Rooms:ResumeBytesPerSecond); try again later.");

    internal long NowMs() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
