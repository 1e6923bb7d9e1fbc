using Realtime.Connections;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Http;

/// <summary><c>/api/connections</c></summary>
internal static class ConnectionEndpoints
{
    public static void MapConnectionList(this IEndpointRouteBuilder api) =>
        api.MapGet("/connections", List).WithTags("Connections").WithSummary("The connections of this front, by id.")
            .Produces<ConnectionsResponse>();

    private static IResult List(RoomRouter router, ConnectionRegistry registry, string? after, int limit = ApiPaging.Default)
    {
        ApiPaging.Check(limit);
        var page = registry.Connections
            .Where(connection => after is null || string.CompareOrdinal(connection.Id, after) > 0)
            .OrderBy(connection => connection.Id, StringComparer.Ordinal)
            .Take(limit + 1)
            .ToArray();
        var shown = page.Take(limit).Select(connection => new ConnectionResponse(
            connection.Id, connection.UserId, connection.RemoteAddress?.ToString(), connection.ConnectedAt,
            registry.RoomsOf(connection), connection.QueuedMessages));
        return Results.Ok(new ConnectionsResponse(router.Front, registry.Count, [.. shown], page.Length > limit ? page[limit - 1].Id : null));
    }
}
