using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Access;
using Realtime.WebFront.Calls;
using Realtime.WebFront.Http;
using Realtime.WebFront.Operation;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Tokens;

namespace Realtime.WebFront;

/// <summary>Answers what only this front knows, its connections and their rooms, and does with them what services want.</summary>
internal sealed class FrontObserver(
    ConnectionRegistry registry, ConnectionListing listing, FrontReporter reporter, Revocations revocations, ConnectionControl control, ServerJoins joins,
    ClientCalls clients, PostedSessions posted) : IFrontObserver
{
    Task<int> IFrontObserver.InboxesOf(string user) =>
        Task.FromResult(registry.GetUser(user).Count(connection => connection.State is Session { Inbox.IsAdmitted: true }));

    Task<string[]> IFrontObserver.RoomsOf(string user)
    {
        var rooms = registry.GetUser(user).SelectMany(listing.RoomsOf).Distinct();
        return Task.FromResult(rooms.ToArray());
    }

    Task<FrontConnections> IFrontObserver.Connections(string? after, int limit, ConnectionFilter? filter) => Task.FromResult(listing.Page(after, limit, filter));

    Task<FrontDetails> IFrontObserver.Describe() => Task.FromResult(reporter.Describe());

    Task<FrontError[]> IFrontObserver.Errors(string? kind, int limit) => Task.FromResult(reporter.Errors(kind, limit));

    Task<int> IFrontObserver.Drain(bool isOn) => Task.FromResult(reporter.Drain(isOn));

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
