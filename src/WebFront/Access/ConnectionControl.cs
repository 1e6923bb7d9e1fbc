using Realtime.Connections;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Access;

/// <summary>What services do with connections of this front: take them out of rooms, close them, have their access asked anew.</summary>
internal sealed class ConnectionControl(ConnectionRegistry registry, AccessService access)
{
    private static readonly ParallelOptions s_parallel = new() { MaxDegreeOfParallelism = 16 };

    /// <summary>Takes a user's connections out of a room, those on their way into it too; returns how many.</summary>
    public int Remove(string room, string user)
    {
        var removed = 0;
        foreach (var (session, membership) in MembershipsIn(room, registry.GetUser(user)))
        {
            membership.Room.TakeOut(session, membership);
            removed++;
        }
        return removed;
    }

    /// <summary>Closes a connection, if it is here and of that user; returns how many.</summary>
    public int Close(string connection, string? user, string? reason)
    {
        if (registry.Get(connection) is not { } found || (user is not null && found.UserId != user))
            return 0;
        _ = found.CloseAsync(CloseCodes.Kicked, reason ?? "disconnected by the server");
        return 1;
    }

    /// <summary>Asks anew for a user's connections; returns of how many memberships.</summary>
    public int ReauthorizeUser(string user)
    {
        Session[] sessions = [.. registry.GetUser(user).Select(connection => connection.State).OfType<Session>()];
        _ = Parallel.ForEachAsync(sessions, s_parallel, async (session, _) => await access.Reauthorize(session));
        return sessions.Sum(session => session.Memberships.Length);
    }

    /// <summary>Asks anew for the members of a room; returns how many there are.</summary>
    public int ReauthorizeRoom(string room)
    {
        // All connections, as some are on their way into it.
        (Session Session, Membership Membership)[] members = [.. MembershipsIn(room, registry.Connections)];
        _ = Parallel.ForEachAsync(members, s_parallel, async (member, _) => await access.Reauthorize(member.Session, member.Membership));
        return members.Length;
    }

    private static IEnumerable<(Session Session, Membership Membership)> MembershipsIn(string room, IEnumerable<Connection> connections)
    {
        foreach (var connection in connections)
        {
            if (connection.State is Session session && session.MembershipIn(room) is { IsIn: true } membership)
                yield return (session, membership);
        }
    }
}
