using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>
/// The rules of a room's time line at a front, without engine and sockets: which events go to the members, in which order, what is
/// a repeat, what is missing and has to be fetched, and where a join has its place. Not thread-safe: <see cref="LocalRoom"/>
/// calls it under its lock.
/// </summary>
/// <remarks>
/// Events of a room have an order without holes within an epoch. At a hole, or in a new epoch, nothing newer is delivered until the
/// room has answered a sync. The answer to a join may come before or after events that the room pushed around it, so what is
/// fanned out meanwhile is kept for the newcomer.
/// </remarks>
/// <param name="host">Carries out what is decided here.</param>
/// <param name="capacity">
/// Bytes of events that are kept while a sync waits for its answer, and as many while a join does. Beyond it they are dropped: the
/// first are fetched by another sync, and for lack of the others a newcomer joins at the present.
/// </param>
internal sealed class RoomTimeline(ITimelineHost host, long capacity)
{
    private string? _epoch; // of the order and sequence below
    private string? _pastEpoch; // events of the one before are of a room that is lost
    private long _order; // of the last event that was fanned out
    private long _sequence; // of the last message that was fanned out
    private long _latestJoin; // the greatest order at which a member joined, until the events have reached it
    private EventBuffer? _held; // events that came while a sync was under way
    private int _joining; // joins that wait for their answer
    private EventBuffer? _recent; // events fanned out meanwhile
    private JoinPoint _recentBegin; // who joined before this lacks some of them

    /// <summary>The order of the last event that was fanned out, or that no member lacks.</summary>
    public long Order => _order;

    /// <summary>Neither a sync nor a join waits for its answer.</summary>
    public bool IsQuiet => !IsSyncing && _joining == 0;

    /// <summary>Goes on where another one was. Before anything else.</summary>
    public void Restore(Position position, long order) => (_epoch, _sequence, _order) = (position.Epoch, position.Sequence, order);

    /// <summary>A sync is under way: events are held until <see cref="EndSync"/>.</summary>
    public bool IsSyncing { get; private set; }

    /// <summary>The last message that was fanned out; null before the first epoch is known.</summary>
    public Position? Position => _epoch is null ? null : new Position(_epoch, _sequence);

    /// <summary>Delivers events of the room, in the order in which they came.</summary>
    public void Apply(ReadOnlySpan<FrontEvent> events)
    {
        while (!events.IsEmpty)
        {
            if (IsSyncing)
            {
                (_held ??= new EventBuffer(capacity)).TryAdd(events);
                return;
            }
            var first = events[0];
            if (IsRepeat(first))
            {
                events = events[1..];
                continue;
            }
            if ((first.Epoch != _epoch || first.Order != _order + 1) && host.HasMembers)
            {
                host.ReportGap(first.Epoch == _epoch ? first.Order - _order - 1 : -1);
                BeginSync();
                continue;
            }
            if (first.Epoch != _epoch)
                BeginEpoch(first.Epoch);
            if (first.Order != _order + 1 && _joining > 0)
                PassHole(first);
            var run = RunLength(events);
            FanOut(events[..run]);
            events = events[run..];
        }
    }

    /// <summary>The silo announces how far the room's events are on their way here: what has not come until now is lost.</summary>
    public void Compare(RoomOrder announced)
    {
        if (IsSyncing || !host.HasMembers || (announced.Epoch == _epoch && announced.Order <= _order))
            return;
        host.ReportGap(announced.Epoch == _epoch ? announced.Order - _order : -1);
        BeginSync();
    }

    /// <summary>Asks the room what is missing, unless it is being asked.</summary>
    public void BeginSync()
    {
        if (IsSyncing)
            return;
        IsSyncing = true;
        host.RequestSync();
    }

    /// <summary>Delivers what was missed and what was held; null when the room could not be asked, and what was held is in its log.</summary>
    public void EndSync(SyncedReply? reply)
    {
        IsSyncing = false;
        var held = _held?.TakeAll() ?? [];
        if (reply is null)
            return;
        CatchUp(reply);
        // Events of another epoch are older. Should the room be lost once more meanwhile, its next events show it.
        Apply(Array.FindAll(held, item => item.Epoch == _epoch));
    }

    /// <summary>A join is on its way to the room: from now on events are kept, until <see cref="EndJoin"/>.</summary>
    public void BeginJoin() => _joining++;

    /// <summary>The join is answered, whatever the answer is.</summary>
    public void EndJoin()
    {
        if (--_joining > 0)
            return;
        _recent = null;
        _recentBegin = default;
    }

    /// <summary>Places a newcomer who is not among the members yet. Between <see cref="BeginJoin"/> and <see cref="EndJoin"/>.</summary>
    public Admission Admit(JoinedReply reply)
    {
        var point = new JoinPoint(reply.Order, reply.Position.Sequence);
        FrontEvent[] since = [];
        if (reply.Position.Epoch != _epoch)
        {
            ChangeEpochAt(reply);
        }
        else
        {
            if (point.Order < _recentBegin.Order || point.Sequence < _recentBegin.Sequence)
            {
                if (host.HasMembers || IsSyncing)
                    return new Admission(new Position(_epoch, _sequence), new JoinPoint(_order, _sequence), IsAtAnswer: false, []);
                GoBackTo(point); // no member has had more
            }
            // Joins are answered in order: later ones need nothing older.
            _recent?.TrimTo(point);
            since = _recent is null ? [] : _recent.Events.ToArray();
        }
        if (!host.HasMembers)
            _order = Math.Max(_order, reply.Order); // no member lacks what was before
        if (reply.Order <= _order)
            _sequence = Math.Max(_sequence, reply.Position.Sequence); // events before the answer may hold no message
        else
            _latestJoin = Math.Max(_latestJoin, reply.Order);
        if (reply.Presence is { } page && page.Order > point.Order)
        {
            // What the page has of the rest of its turn is not told again.
            point = point with { Presence = page.Order };
            if (page.Order > _order)
                _latestJoin = Math.Max(_latestJoin, page.Order);
        }
        return new Admission(reply.Position, point, IsAtAnswer: true, since);
    }

    private bool IsRepeat(FrontEvent item) => (item.Epoch == _epoch && item.Order <= _order) || item.Epoch == _pastEpoch;

    /// <summary>How many messages, or ephemeral ones, follow each other; other events go alone.</summary>
    private static int RunLength(ReadOnlySpan<FrontEvent> events)
    {
        var run = 1;
        while (run < events.Length && AreAlike(events[0], events[run]) && events[run].Epoch == events[0].Epoch
            && events[run].Order == events[run - 1].Order + 1)
            run++;
        return run;

        static bool AreAlike(FrontEvent one, FrontEvent other) =>
            one.IsRoomMessage ? other.IsRoomMessage : one.Kind == FrontEventKind.Ephemeral && other.Kind == FrontEventKind.Ephemeral;
    }

    private void FanOut(ReadOnlySpan<FrontEvent> events)
    {
        var last = events[^1];
        if (events[0].Order > _latestJoin)
        {
            host.FanOut(events);
        }
        else
        {
            // Somebody joined after some of these events: each event has receivers of its own.
            foreach (var item in events)
                host.FanOutToEarlier(item);
            if (last.Order >= _latestJoin)
                _latestJoin = 0;
        }
        _order = last.Order;
        if (last.IsRoomMessage)
            _sequence = last.Sequence;
        KeepForJoins(events);
    }

    private void KeepForJoins(ReadOnlySpan<FrontEvent> events)
    {
        if (_joining > 0 && !(_recent ??= new EventBuffer(capacity)).TryAdd(events))
            _recentBegin = new JoinPoint(_order, _sequence);
    }

    /// <summary>No member lacks what is missing before an event; but somebody who is joining may.</summary>
    private void PassHole(FrontEvent first)
    {
        _recent?.Clear();
        _recentBegin = new JoinPoint(first.Order - 1, 0);
    }

    /// <summary>What came since then is fetched once more.</summary>
    private void GoBackTo(JoinPoint point)
    {
        (_order, _sequence) = (point.Order, point.Sequence);
        _recent?.Clear();
        _recentBegin = point;
        BeginSync();
    }

    /// <summary>Delivers what was missed, then goes on from where the room was when it answered.</summary>
    private void CatchUp(SyncedReply reply)
    {
        var isLoss = !reply.Complete || reply.Position.Epoch != _epoch;
        if (reply.Position.Epoch != _epoch)
            ChangeEpoch(reply.Position.Epoch, reply.Members);
        if (!reply.Complete)
        {
            host.ReportLoss(reply.Position.Sequence - _sequence);
            host.AnnounceLoss(reply.Position, reply.Members);
        }
        FrontEvent[] missed = [.. reply.Missed.Where(item => item.Sequence > _sequence)];
        foreach (var message in missed)
        {
            if (_latestJoin > 0)
                host.FanOutToEarlier(message);
            else
                host.FanOut([message]);
        }
        _order = Math.Max(_order, reply.Order);
        _sequence = Math.Max(_sequence, reply.Position.Sequence);
        KeepForJoins(missed);
        host.RenewPresence(reply);
        host.RenewState(reply, isLoss);
        if (reply.Presence is { } page && page.Order > _order)
            _latestJoin = Math.Max(_latestJoin, page.Order); // as for newcomers
    }

    private void ChangeEpochAt(JoinedReply reply)
    {
        if (!host.HasMembers)
        {
            BeginEpoch(reply.Position.Epoch);
            return;
        }
        ChangeEpoch(reply.Position.Epoch, reply.Members);
        BeginSync(); // for what the members lack of the new epoch
    }

    /// <summary>The room has lost its past: messages may have been lost on the way here.</summary>
    private void ChangeEpoch(string epoch, int members)
    {
        host.ResetJoinPoints();
        if (_epoch is not null)
            host.AnnounceLoss(new Position(epoch, 0), members);
        _pastEpoch = _epoch;
        BeginEpoch(epoch);
    }

    private void BeginEpoch(string? epoch)
    {
        _epoch = epoch;
        _order = _sequence = _latestJoin = 0;
        _recent?.Clear();
        _recentBegin = default;
    }
}

/// <summary>A newcomer's place on the time line.</summary>
/// <param name="Position">From where on it gets messages.</param>
/// <param name="Point">Its place among the events.</param>
/// <param name="IsAtAnswer">
/// False when events since the room's answer are no longer here: then the position is the present one, and what the answer
/// brought of the time before is not to be delivered.
/// </param>
/// <param name="Since">Events that were fanned out before the answer came, and are later than the join.</param>
internal readonly record struct Admission(Position Position, JoinPoint Point, bool IsAtAnswer, FrontEvent[] Since);
