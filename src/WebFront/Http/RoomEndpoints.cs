using Realtime.Grains;
using Realtime.WebFront.Security;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Http;

/// <summary><c>/api/rooms</c></summary>
internal static class RoomEndpoints
{
    public static readonly ApiRoute[] Routes =
    [
        new("GET", "rooms", RealtimePolicies.Read, List),
        new("GET", "rooms/{room}", RealtimePolicies.Read, Describe),
        new("GET", "rooms/{room}/members", RealtimePolicies.Read, Members),
        new("GET", "rooms/{room}/messages", RealtimePolicies.Read, History),
        new("GET", "rooms/{room}/state", RealtimePolicies.Read, State),
        new("POST", "rooms/{room}/messages", RealtimePolicies.Publish, Send),
        new("DELETE", "rooms/{room}/members/{user}", RealtimePolicies.Admin, Remove),
        new("POST", "rooms/{room}/members/{user}/unblock", RealtimePolicies.Admin, Unblock),
        new("PUT", "rooms/{room}/users/{user}", RealtimePolicies.Admin, Join),
        new("DELETE", "rooms/{room}/users/{user}", RealtimePolicies.Admin, Leave),
        new("POST", "rooms/{room}/reauthorize", RealtimePolicies.Admin, Reauthorize),
    ];

    private static async Task List(ApiRequest request)
    {
        var (calls, after, prefix, limit) = (request.Calls, request.After, request.Text("prefix"), request.Limit(Limits.PageSize));
        var page = await calls.Call(() => calls.Cluster.Rooms(after, limit, prefix));
        await request.Ok(new RoomsResponse(page.Rooms, page.Next), ApiJson.Default.RoomsResponse);
    }

    private static async Task Describe(ApiRequest request)
    {
        var (calls, room) = (request.Calls, request.Room);
        var found = await calls.Call(() => calls.Room(room).Describe());
        if (found.Connections == 0)
            throw NotFound(room);
        await request.Ok(
            new RoomResponse(room, found.Members, found.Connections, found.Fronts, found.Position.Epoch, found.Position.Sequence, found.Silo), ApiJson.Default.RoomResponse);
    }

    private static async Task Members(ApiRequest request)
    {
        var (calls, room, after, limit) = (request.Calls, request.Room, request.After, request.Limit(Limits.PageSize));
        var page = await calls.Call(() => calls.Room(room).Members(after, limit));
        if (page.Total == 0)
            throw NotFound(room);
        await request.Ok(MembersResponse.Of(room, page), ApiJson.Default.MembersResponse);
    }

    private static async Task History(ApiRequest request)
    {
        var (calls, room, limit) = (request.Calls, request.Room, request.Limit(Limits.HistoryPage));
        var (before, epoch) = (request.Number("before", 1, long.MaxValue), request.Text("epoch"));
        var page = await calls.Call(() => calls.Room(room).History(before, limit, epoch));
        await request.Ok(
            new HistoryResponse(room, page.Epoch.Length == 0 ? null : page.Epoch, [.. page.Messages.Select(HistoryMessage.Of)], page.More), ApiJson.Default.HistoryResponse);
    }

    private static async Task State(ApiRequest request)
    {
        var (calls, room, after, limit) = (request.Calls, request.Room, request.After, request.Limit(Limits.PageSize));
        var page = await calls.Call(() => calls.Room(room).State(after, limit));
        await request.Ok(
            new StateResponse(room, page.Position.Epoch.Length == 0 ? null : page.Position.Epoch, page.Position.Sequence, [.. page.Entries.Select(StateItem.Of)], page.Next),
            ApiJson.Default.StateResponse);
    }

    private static async Task Send(ApiRequest request)
    {
        var (calls, room) = (request.Calls, request.Room);
        var message = await request.Message(keepsIds: true, receiver: "a room");
        // With an id of its own, a call that is repeated because a silo died is still one message.
        message = message.Id is null ? message with { Id = Guid.NewGuid().ToString("N") } : message;
        var receipt = await calls.Call(() => calls.Room(room).Broadcast(message));
        await request.Ok(RoomSendResponse.Of(room, receipt), ApiJson.Default.RoomSendResponse);
    }

    private static async Task Remove(ApiRequest request)
    {
        var (calls, room, user) = (request.Calls, request.Room, request.User);
        request.RefuseKey("A removal");
        var seconds = request.Number("for", 1, RevocationApi.LongestBlock);
        var connections = await calls.Call(() => seconds is null ? calls.Room(room).Remove(user) : calls.Room(room).Block(user, TimeSpan.FromSeconds(seconds.Value)));
        await request.Ok(new RemovalResponse(room, user, connections), ApiJson.Default.RemovalResponse);
    }

    private static async Task Join(ApiRequest request)
    {
        var (calls, room, user) = (request.Calls, request.Room, request.User);
        request.RefuseKey("A join");
        await request.Body(ApiJson.Default.EmptyRequest, mayBeAbsent: true);
        await request.Ok(new EntryResponse(room, user, await calls.Call(() => calls.User(user).Join(room))), ApiJson.Default.EntryResponse);
    }

    private static async Task Leave(ApiRequest request)
    {
        var (calls, room, user) = (request.Calls, request.Room, request.User);
        request.RefuseKey("A removal");
        await request.Ok(new RemovalResponse(room, user, await calls.Call(() => calls.User(user).Leave(room))), ApiJson.Default.RemovalResponse);
    }

    private static async Task Unblock(ApiRequest request)
    {
        var (calls, room, user) = (request.Calls, request.Room, request.User);
        request.RefuseKey("This");
        await RevocationApi.Done(calls, () => calls.Room(room).Unblock(user));
        await request.Ok(new UserChangeResponse(user), ApiJson.Default.UserChangeResponse);
    }

    private static async Task Reauthorize(ApiRequest request)
    {
        var (calls, room) = (request.Calls, request.Room);
        request.RefuseKey("A reauthorization");
        await request.Body(ApiJson.Default.EmptyRequest, mayBeAbsent: true);
        var memberships = await calls.Call(() => calls.Room(room).Reauthorize());
        await request.Ok(new RoomReauthorizationResponse(room, memberships), ApiJson.Default.RoomReauthorizationResponse);
    }

    private static ApiException NotFound(string room) => new(Problems.RoomNotFound, $"Nobody is in the room '{room}'.");
}
