using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Access;
using Realtime.WebFront.Calls;
using Realtime.WebFront.Http;
using Realtime.WebFront.Tokens;

namespace Realtime.WebFront;

/// <summary>Answers what only this front knows, its connections and their rooms, and does with them what services want.</summary>
internal sealed class FrontObserver(GrainCalls calls, ConnectionRegistry registry, Revocations revocations, ConnectionControl control, ServerJoins joins, ClientCalls clients, PostedSessions posted)
    : IFrontObserver
{
    Task<string[]> IFrontObserver.RoomsOf(string user)
    {
        var rooms = registry.GetUser(user).SelectMany(RoomsOf).Distinct();
        return Task.FromResult(rooms.ToArray());
    }

    Task<FrontConnections> IFrontObserver.Connections(string? after, int limit)
    {
        ConnectionDescription[] page =
        [
            .. registry.Connections
                .Where(connection => after is null || string.CompareOrdinal(connection.Id, after) > 0)
                .OrderBy(connection => connection.Id, StringComparer.Ordinal)
                .Take(limit)
                .Select(connection => new ConnectionDescription(
                    connection.Id, calls.Front, connection.UserId, connection.RemoteAddress?.ToString(), connection.ConnectedAt,
                    [.. RoomsOf(connection)], connection.QueuedMessages)),
        ];
        return Task.FromResult(new FrontConnections(registry.Count, page));
    }

    /// <summary>Without the user's inbox, which is no room to others.</summary>
    private IEnumerable<string> RoomsOf(Connection connection) => registry.RoomsOf(connection).Where(room => InboxKey.UserOf(room) is null);

    Task IFrontObserver.Revoke(Revocation[] entries)
    {
        revocations.Apply(entries);
        return Task.CompletedTask;
    }

    Task<int> IFrontObserver.Join(string room, string user) => joins.Join(room, user);

    Task<int> IFrontObserver.Remove(string room, string user) => Task.FromResult(control.Remove(room, user));

    Task<int> IFrontObserver.Close(string connection, string? user, string? reason) => Task.FromResult(control.Close(connection, user, reason));

    Task<int> IFrontObserver.ReauthorizeUser(string user) => Task.FromResult(control.ReauthorizeUser(user));

    Task<int> IFrontObserver.ReauthorizeRoom(string room) => Task.FromResult(control.ReauthorizeRoom(room));

    Task<SessionPostResult> IFrontObserver.Post(SessionPost post) => Task.FromResult(posted.Post(post));

    Task<CallAnswer> IFrontObserver.Call(string user, string method, byte[]? data, TimeSpan timeout) => clients.CallUser(user, method, data, timeout);
}
