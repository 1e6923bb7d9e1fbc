using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Http;

/// <summary><c>/api/rooms</c></summary>
internal static class RoomEndpoints
{
    public static void MapRooms(this IEndpointRouteBuilder api)
    {
        api.MapGet("/rooms", List).WithTags("Rooms").WithSummary("Rooms with members, in ordinal order.")
            .Produces<RoomsResponse>();
        api.MapGet("/rooms/{room}", Describe).WithTags("Rooms").WithSummary("A room: members, connections, fronts, position.")
            .Produces<RoomResponse>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapGet("/rooms/{room}/members", Members).WithTags("Rooms").WithSummary("The users in a room, in ordinal order.")
            .Produces<MembersResponse>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapGet("/rooms/{room}/messages", History).WithTags("Rooms").WithSummary("The last messages of a room, oldest first, page by page backwards.")
            .Produces<HistoryResponse>();
        api.MapPost("/rooms/{room}/messages", Send).WithTags("Rooms").WithSummary("Sends a message to everybody in a room.")
            .Produces<RoomSendResponse>().ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<IResult> List(RoomRouter router, string? after, int limit = ApiPaging.Default)
    {
        ApiPaging.Check(limit);
        var page = await router.Call(() => router.Cluster.Rooms(after, limit));
        return Results.Ok(new RoomsResponse(page.Rooms, page.Next));
    }

    private static async Task<IResult> Describe(RoomRouter router, string room)
    {
        Names.Check(room, "room");
        var found = await router.Call(() => router.Grain(room).Describe());
        return found.Members == 0
            ? NotFound(room)
            : Results.Ok(new RoomResponse(room, found.Members, found.Connections, found.Fronts, found.Position.Epoch, found.Position.Sequence));
    }

    private static async Task<IResult> Members(RoomRouter router, string room, string? after, int limit = ApiPaging.Default)
    {
        Names.Check(room, "room");
        ApiPaging.Check(limit);
        var page = await router.Call(() => router.Grain(room).Members(after, limit));
        return page.Total == 0 ? NotFound(room) : Results.Ok(new MembersResponse(room, page.Users, page.Total, page.Next));
    }

    private static async Task<IResult> History(RoomRouter router, string room, long? before, string? epoch, int limit = Limits.HistoryPage)
    {
        Names.Check(room, "room");
        if (limit is < 1 or > Limits.HistoryPage)
            throw new ArgumentException($"'limit' is {limit}; it must be from 1 to {Limits.HistoryPage}.");
        if (before is < 1)
            throw new ArgumentException($"'before' is {before}; it must be 1 or more.");
        var page = await router.Call(() => router.Grain(room).History(before, limit, epoch));
        return Results.Ok(new HistoryResponse(room, page.Epoch.Length == 0 ? null : page.Epoch, [.. page.Messages.Select(HistoryMessage.Of)], page.More));
    }

    private static async Task<IResult> Send(RoomRouter router, string room, SendRequest request, HttpContext context)
    {
        Names.Check(room, "room");
        var message = ApiMessage.Of(request, context);
        // With an id of its own, a call that is repeated because a silo died is still one message.
        message = message.Id is null ? message with { Id = Guid.NewGuid().ToString("N") } : message;
        var receipt = await router.Call(() => router.Grain(room).Broadcast(message));
        return Results.Ok(new RoomSendResponse(room, receipt.Epoch, receipt.Sequence, receipt.Timestamp));
    }

    private static IResult NotFound(string room) => ApiProblem.NotFound(ErrorCodes.RoomNotFound, $"Nobody is in the room '{room}'.");
}
