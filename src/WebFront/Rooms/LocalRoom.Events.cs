using Realtime.Grains;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <summary>Events of the room, from the front's stream to the members.</summary>
internal sealed partial class LocalRoom
{
    /// <summary>Delivers events of the room, in the order in which they came.</summary>
    public void Dispatch(ReadOnlySpan<FrontEvent> events)
    {
        lock (Gate)
        {
            Wake();
            _pacer.Add(events);
        }
    }

    /// <summary>A message of this inbox that the inbox itself has not sent to this front: for connections that have not asked for it.</summary>
    public void TellOthers(FrontEvent message)
    {
        lock (Gate)
        {
            Wake();
            (_audience as InboxAudience)?.TellOthers(message);
            AskForMessages();
        }
    }

    /// <summary>The silo announces how far the room's events are on their way here: what has not come until now is lost.</summary>
    public void Compare(RoomOrder announced)
    {
        lock (Gate)
        {
            Wake();
            if (announced.Epoch.Length == 0)
            {
                AskForMessages();
                return;
            }
            if (_pacer.HasDelayed(announced))
                return;
            _pacer.Flush();
            _timeline.Compare(announced);
        }
    }

    void ITimelineHost.ResetJoinPoints()
    {
        foreach (var member in _services.Registry.Members(Name))
        {
            if (Session.Of(member).MembershipIn(this) is { } membership)
                membership.JoinPoint = default;
        }
    }

    void ITimelineHost.AnnounceLoss(Position position, int members) =>
        _services.Registry.BroadcastToRoom(Name, _audience.Joined(null, position, recovered: false, members));

    void ITimelineHost.ReportGap(long events) => _services.LogGap(Name, events);

    void ITimelineHost.ReportLoss(long messages) => _services.LogLost(Name, messages);
}
