using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Tokens;

namespace Realtime.WebFront.Access;

/// <summary>
/// Puts connections into rooms without their asking: when a service wants it, and at the connect into those that the token names. That stands
/// above what access says of joins; what they may do there is asked as ever. A stream of events is of the room that it was opened for, and of no other.
/// </summary>
internal sealed class ServerJoins(
    ConnectionRegistry registry, LocalRooms rooms, AccessService access, Revocations revocations, IOptions<FrontOptions> front, IOptions<AccessOptions> options)
{
    private static readonly string[] s_none = [];

    /// <summary>Puts a user's connections into a room; returns how many are in it then. One for which there is no place stays out.</summary>
    /// <exception cref="RoomException">The room could not be reached; it may be tried again.</exception>
    public async Task<int> Join(string room, string user)
    {
        Session[] sessions = [.. registry.GetUser(user).Select(connection => connection.State).OfType<Session>().Where(session => !session.IsStream)];
        var joined = await Task.WhenAll(sessions.Select(session => Join(session, room)));
        return joined.Count(isIn => isIn);
    }

    /// <summary>Puts a new connection into the rooms that its token names; completes when their commands come before those of the client.</summary>
    public async ValueTask JoinNamed(Session session)
    {
        if (!session.IsStream && NamesIn(session) is { Length: > 0 } names)
            await Task.WhenAll(names.Select(room => Begin(session, room, isNamed: true)));
    }

    /// <summary>Whether a membership is not for rules to end: a service wants it, or the token of now names the room.</summary>
    public static bool Stands(Membership membership, Session session, string? claim) =>
        membership.ByServer is { } by && (!by.IsNamed || Read(session, claim).Contains(membership.Room.Name));

    private string[] NamesIn(Session session) => Read(session, options.Value.JoinClaim);

    /// <summary>What is no name of a room names none.</summary>
    private static string[] Read(Session session, string? claim) => claim is null ? s_none
        : [.. session.Principal.FindAll(claim).Select(found => found.Value).Where(name => Names.Problem(name, "room") is null).Distinct()];

    private async Task<bool> Join(Session session, string room)
    {
        var (join, isIn) = await Begin(session, room, isNamed: false);
        if (join is null)
            return isIn;
        var refused = await join.Ended;
        if (refused?.Code == RoomException.Unavailable)
            throw new RoomException(refused.Code, refused.Reason);
        return refused is null && !session.IsClosed;
    }

    /// <summary>Sends the join, which has an end then; or says whether the connection is in the room without one.</summary>
    private async Task<(ServerJoin? Join, bool IsIn)> Begin(Session session, string room, bool isNamed)
    {
        if (session.MembershipIn(room) is { } membership)
        {
            if (membership.Gate is not { } gate)
                return (membership.ByServer, membership.IsIn);
            await gate.Opened(); // the client asks for it at this moment, and may be refused
            return await Begin(session, room, isNamed);
        }
        if (revocations.IsBlockedIn(room, session.User))
            return default;
        var allowed = (await access.DecideMember(session.Subject, session.Connection.Id, room)).Allowed;
        var join = new ServerJoin(new JoinCommand(session.User, session.Connection.Id, null)
        {
            MaxBytes = front.Value.MaxResumeBytes,
            IsHidden = (allowed & RoomOperation.Presence) == 0,
        }, isNamed);
        membership = new Membership(rooms.Acquire(room)) { Allowed = allowed, ByServer = join };
        var added = membership.Room.TryJoin(session, membership, front.Value.MaxRoomsPerConnection);
        if (added != AddResult.Added)
        {
            membership.Room.Release();
            return (null, added == AddResult.IsIn);
        }
        if (revocations.IsBlockedIn(room, session.User))
            membership.Room.TakeOut(session, membership); // blocked since
        return (join, true);
    }
}
