using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Protocol;

/// <summary>What joins have in common, and those of connections that the server has put into a room.</summary>
internal sealed partial class RealtimeProtocol
{
    /// <summary>A join of a member, which resumes if the server has put it there; access is not asked.</summary>
    private ValueTask JoinAgain(Session session, in ClientFrame frame, Membership membership)
    {
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        if (membership.Room.TryAdopt(session, frame.Id, membership, CommandOf(session, frame, membership.IsHidden)))
        {
            membership.HasEcho = frame.Echo != false;
            return mayGoOn;
        }
        session.EndCommand();
        return Refuse(session, frame, ErrorCodes.AlreadyJoined, "This connection is in the room already.");
    }

    private JoinCommand CommandOf(Session session, in ClientFrame frame, bool isHidden) =>
        new(session.User, session.Connection.Id, frame.Epoch is null ? null : new Position(frame.Epoch, frame.Sequence!.Value))
        {
            MaxBytes = _options.MaxResumeBytes,
            Last = (int)(frame.Last ?? 0),
            IsHidden = isHidden,
            Data = frame.CopyData(),
            Presence = frame.Presence switch { null => PresenceMode.Changes, "members" => PresenceMode.Members, _ => PresenceMode.Count },
            WithState = frame.State == true,
        };

    private ValueTask RefuseRooms(Session session, in ClientFrame frame) =>
        Refuse(session, frame, ErrorCodes.TooManyRooms, $"A connection may be in {_options.MaxRoomsPerConnection} rooms; leave one first.");
}
