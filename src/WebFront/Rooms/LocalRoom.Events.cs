using System.Runtime.InteropServices;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <content>The fan-out of a room's events, and how a join finds its place between them.</content>
internal sealed partial class LocalRoom
{
    private bool _syncIsDue; // a sync is to go with the next call
    private bool _syncing; // until it is answered, events wait
    private readonly List<FrontEvent> _held = [];
    private string? _epoch; // of the events below
    private string? _pastEpoch; // the one before: what still comes of it is of a room that is lost
    private long _sequence; // of the last message that was fanned out
    private long _dispatched; // order of the last event that was fanned out
    private long _youngest; // the greatest order at which somebody here joined, until the events have reached it
    private int _joining; // joins that wait for their answer
    private List<FrontEvent>? _recent; // events fanned out meanwhile, for those who joined before them
    private List<FrontEvent>? _delayed; // until the write delay or the rest is over
    private ITimer? _delay;
    private long _restsUntil; // timestamp

    // A fan-out that takes so long is worth joining.
    private static readonly TimeSpan s_longFanOut = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_longestRest = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// Fans out events, in order; messages that follow each other are one write to each member. With a write delay, later;
    /// and after a long fan-out of several the next one comes no sooner than that took, up to 5 ms: in a large room that is
    /// spoken in without pause, twice the messages are joined for it.
    /// </summary>
    public void Dispatch(ReadOnlySpan<FrontEvent> events)
    {
        lock (_gate)
        {
            var delay = router.Options.WriteDelay;
            if (_restsUntil != 0 && router.Time.GetElapsedTime(router.Time.GetTimestamp(), _restsUntil) is var rest && rest > delay)
                delay = rest;
            if (_delayed is { Count: > 0 })
            {
                _delayed.AddRange(events);
            }
            else if (delay > TimeSpan.Zero)
            {
                (_delayed ??= []).AddRange(events);
                _delay ??= router.Time.CreateTimer(static room => ((LocalRoom)room!).OnDelayOver(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _delay.Change(delay, Timeout.InfiniteTimeSpan);
            }
            else
            {
                FanOutAndRest(events);
            }
        }
    }

    private void FanOutAndRest(ReadOnlySpan<FrontEvent> events)
    {
        var start = router.Time.GetTimestamp();
        FanOutInOrder(events);
        var end = router.Time.GetTimestamp();
        var took = router.Time.GetElapsedTime(start, end);
        // One event alone says that they come further apart than a fan-out takes: nothing would be joined.
        _restsUntil = events.Length == 1 || took < s_longFanOut ? 0 : end + Math.Min(end - start, (long)(s_longestRest.TotalSeconds * router.Time.TimestampFrequency));
    }

    private void OnDelayOver()
    {
        try
        {
            EndDelay();
        }
        catch (Exception exception)
        {
            router.LogDispatchFailed(Name, exception);
        }
    }

    /// <summary>Fans out what is delayed: now, or before anything that must not come before it.</summary>
    private void EndDelay()
    {
        lock (_gate)
        {
            if (_delayed is not { Count: > 0 })
                return;
            var events = _delayed;
            _delayed = null;
            FanOutAndRest(CollectionsMarshal.AsSpan(events));
        }
    }

    /// <summary>Under the lock.</summary>
    private void FanOutInOrder(ReadOnlySpan<FrontEvent> events)
    {
        while (!events.IsEmpty)
        {
            if (_syncing)
            {
                _held.AddRange(events);
                return;
            }
            var first = events[0];
            if ((first.Epoch == _epoch && first.Order <= _dispatched) || first.Epoch == _pastEpoch)
            {
                events = events[1..]; // a repeat
                continue;
            }
            if ((first.Epoch != _epoch || first.Order != _dispatched + 1) && router.Registry.CountRoom(Name) > 0)
            {
                // Something is missing before it: fetched from the room before anything newer goes out.
                router.LogGap(Name, first.Epoch == _epoch ? first.Order - _dispatched - 1 : -1);
                BeginSync();
                continue;
            }
            if (first.Epoch != _epoch)
                BeginEpoch(first.Epoch); // nobody is here
            var run = 1;
            while (run < events.Length && IsMessage(first) && IsMessage(events[run]) && events[run].Epoch == _epoch
                && events[run].Order == events[run - 1].Order + 1)
                run++;
            FanOut(events[..run]);
            if (_joining > 0)
                (_recent ??= []).AddRange(events[..run]);
            _dispatched = events[run - 1].Order;
            if (IsMessage(first))
                _sequence = events[run - 1].Sequence;
            events = events[run..];
        }
    }

    /// <summary>The silo says how far the room's events are on their way here: what has not come until now was lost.</summary>
    public void Compare(RoomOrder told)
    {
        lock (_gate)
        {
            if (_delayed is [.., var last] && last.Epoch == told.Epoch && told.Order <= last.Order)
                return; // it has come, and is delayed
            EndDelay();
            if (router.Registry.CountRoom(Name) == 0 || (told.Epoch == _epoch && told.Order <= _dispatched))
                return;
            router.LogGap(Name, told.Epoch == _epoch ? told.Order - _dispatched : -1);
            BeginSync();
        }
    }

    private static bool IsMessage(FrontEvent item) => item.Kind <= FrontEventKind.Binary;

    private void FanOut(ReadOnlySpan<FrontEvent> events)
    {
        if (events[0].Order <= _youngest)
        {
            // Somebody joined after some of these events happened: each event has receivers of its own.
            foreach (var item in events)
                router.Registry.BroadcastToRoom(Name, Encode([item]), member => Receives(member, item));
            if (events[^1].Order >= _youngest)
                _youngest = 0;
            return;
        }
        if (events[0].Kind == FrontEventKind.Joined)
        {
            var from = events[0].From;
            router.Registry.BroadcastToRoom(Name, Encode(events), member => Session.Of(member).User != from);
            return;
        }
        router.Registry.BroadcastToRoom(Name, Encode(events));
    }

    /// <summary>
    /// Not what was before one's join, and nobody is told of one's own coming. Messages go by their sequence: one that a room
    /// has read from its log again has another order than at first.
    /// </summary>
    private bool Receives(Connection member, FrontEvent item)
    {
        var session = Session.Of(member);
        if (item.Kind == FrontEventKind.Joined && session.User == item.From)
            return false;
        return session.SeatIn(this) is { } seat
            && (IsMessage(item) ? item.Sequence > seat.JoinedSequence : item.Order > seat.JoinedOrder);
    }

    private Frame Encode(ReadOnlySpan<FrontEvent> events)
    {
        switch (events[0].Kind)
        {
            case FrontEventKind.Joined or FrontEventKind.Left:
                return ServerFrames.Presence(this, events[0]);
            case FrontEventKind.Presence:
                return ServerFrames.Count(this, events[0]);
        }
        var frame = ServerFrames.Builder;
        foreach (var message in events)
            frame.AddMessage(this, message);
        return frame.Build(Topic, events[0].Epoch, events[0].Sequence);
    }

    /// <summary>The room has lost its past. Who is in it is told, since some of what was said may not have come here.</summary>
    private void ChangeEpoch(string epoch, int members)
    {
        foreach (var member in router.Registry.Members(Name))
        {
            if (Session.Of(member).SeatIn(this) is { } seat)
                seat.JoinedOrder = seat.JoinedSequence = 0;
        }
        if (_epoch is not null)
            router.Registry.BroadcastToRoom(Name, ServerFrames.Joined(null, this, new Position(epoch, 0), recovered: false, members));
        _pastEpoch = _epoch;
        BeginEpoch(epoch);
    }

    private void BeginEpoch(string? epoch)
    {
        _epoch = epoch;
        _dispatched = 0;
        _sequence = 0;
        _youngest = 0;
        _recent?.Clear();
    }

    private SyncCommand SyncNow()
    {
        Member[] members = [.. router.Registry.Members(Name).Select(member => new Member(Session.Of(member).User, member.Id))];
        return new SyncCommand(members, _epoch is null ? null : new Position(_epoch, _sequence));
    }

    private void EndSync(SyncedReply? reply)
    {
        lock (_gate)
        {
            EndDelay(); // to what is held
            _syncing = false;
            FrontEvent[] held = [.. _held];
            _held.Clear();
            if (reply is null)
            {
                _silo = null; // so that it is tried again; what was held is in the room's log
                return;
            }
            CatchUp(reply);
            // What is of another epoch is of before; should the room be lost once more meanwhile, its next events show it.
            FanOutInOrder(Array.FindAll(held, item => item.Epoch == _epoch));
        }
    }

    /// <summary>Fans out what was missed, then goes on from where the room was when it answered.</summary>
    private void CatchUp(SyncedReply reply)
    {
        if (reply.Position.Epoch != _epoch)
            ChangeEpoch(reply.Position.Epoch, reply.Members);
        if (!reply.Complete)
        {
            router.LogLost(Name, reply.Position.Sequence - _sequence);
            router.Registry.BroadcastToRoom(Name, ServerFrames.Joined(null, this, reply.Position, recovered: false, reply.Members));
        }
        FrontEvent[] missed = [.. reply.Missed.Where(item => item.Sequence > _sequence)];
        foreach (var message in missed)
        {
            if (_youngest > 0)
                router.Registry.BroadcastToRoom(Name, Encode([message]), member => Receives(member, message));
            else
                router.Registry.BroadcastToRoom(Name, Encode([message]));
        }
        if (_joining > 0)
            (_recent ??= []).AddRange(missed);
        _dispatched = Math.Max(_dispatched, reply.Order);
        _sequence = Math.Max(_sequence, reply.Position.Sequence);
    }

    /// <summary>From now on events are kept, since the grain may answer the join later than it pushes what follows.</summary>
    private void BeginJoin() => _joining++;

    private void EndJoin(Session session, string? id, Seat seat, JoinedReply? reply)
    {
        lock (_gate)
        {
            EndDelay();
            if (reply is not null && !session.IsClosed)
                Enter(session, id, seat, reply);
            if (--_joining == 0)
                _recent = null;
        }
        // Refused, or closed meanwhile: then a leave follows, and the seat was taken by it.
        if (reply is null && session.Remove(seat))
            Release();
    }

    /// <summary>Answers the join, gives what was missed and what came since, and opens the way for what comes.</summary>
    private void Enter(Session session, string? id, Seat seat, JoinedReply reply)
    {
        if (reply.Missed.Sum(message => (long)message.Body.Length) > router.Options.MaxResumeBytes)
            reply = reply with { Recovered = false, Missed = [] };
        session.Connection.Deliver(ServerFrames.Joined(id, this, reply));
        if (reply.Missed.Length > 0)
            session.Connection.Deliver(Encode(reply.Missed));
        (seat.JoinedOrder, seat.JoinedSequence) = (reply.Order, reply.Position.Sequence);
        if (reply.Position.Epoch != _epoch && router.Registry.CountRoom(Name) > 0)
        {
            ChangeEpoch(reply.Position.Epoch, reply.Members);
            BeginSync(); // what the others lack of the new epoch
        }
        else if (reply.Position.Epoch != _epoch)
            BeginEpoch(reply.Position.Epoch);
        else if (_recent is not null)
        {
            foreach (var item in _recent)
            {
                if (Receives(session.Connection, item))
                    session.Connection.Deliver(Encode([item]));
            }
        }
        if (router.Registry.CountRoom(Name) == 0)
            _dispatched = Math.Max(_dispatched, reply.Order); // the first one here: nobody waits for what was before
        if (reply.Order <= _dispatched)
            _sequence = Math.Max(_sequence, reply.Position.Sequence); // events that came before the answer may hold no message
        if (reply.Order > _dispatched)
            _youngest = Math.Max(_youngest, reply.Order);
        seat.State = SeatState.Joined;
        router.Registry.Join(session.Connection, Name);
    }
}
