using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>Joins beside those that a connection asks for.</summary>
internal sealed partial class LocalRoom
{
    /// <summary>
    /// Sends the join of a connection that the server puts into the room, unless the connection is closed, in the room already, or in as many
    /// as it may. When it closes, the leave comes after.
    /// </summary>
    public AddResult TryJoin(Session session, Membership membership, int mostRooms)
    {
        lock (Gate)
            lock (session)
            {
                var added = session.TryAdd(membership, mostRooms);
                if (added == AddResult.Added)
                {
                    _ = session.BeginCommand(int.MaxValue); // Answer ends it
                    Send(session, null, membership.ByServer!.Command, membership);
                }
                return added;
            }
    }

    /// <summary>
    /// A connection that the server has put into the room sends a join of its own, so that it may resume: once, as no other join of a member is
    /// taken. False when it may not, or is not in the room any more.
    /// </summary>
    public bool TryAdopt(Session session, string? id, Membership membership, JoinCommand command)
    {
        lock (Gate)
            lock (session)
            {
                if (membership.ByServer is not { IsAdopted: false } by || !membership.IsIn || session.MembershipIn(this) != membership)
                    return false;
                by.IsAdopted = true;
                Send(session, id, command, membership);
                return true;
            }
    }

    private void Send(Session session, string? id, JoinCommand command, Membership membership)
    {
        _timeline.BeginJoin();
        _commands.Add(new PendingCommand(session, id, command, membership));
    }
}
