using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Http;

/// <summary><c>/api/cluster</c>, <c>/api/connections</c> and <c>/api/messages</c>: what concerns everybody.</summary>
internal static class ClusterEndpoints
{
    public static void MapCluster(this IEndpointRouteBuilder api)
    {
        api.MapGet("/cluster", Describe).WithTags("Cluster").WithSummary("The fronts and silos that are up, and which front answers.")
            .Produces<ClusterResponse>();
        api.MapGet("/connections", List).WithTags("Cluster").WithSummary("The connections of all fronts, or of one, by id.")
            .Produces<ConnectionsResponse>();
        api.MapPost("/messages", Send).WithTags("Cluster").WithSummary("Sends a message to every connection of every front.")
            .Produces<BroadcastResponse>();
    }

    private static async Task<IResult> Describe(RoomRouter router)
    {
        var found = await router.Call(router.Cluster.Describe);
        return Results.Ok(new ClusterResponse(router.Front, found.Connections, found.Fronts, found.Silos));
    }

    private static async Task<IResult> List(RoomRouter router, string? after, string? front, int limit = ApiPaging.Default)
    {
        ApiPaging.Check(limit);
        var page = await router.Call(() => router.Cluster.Connections(after, limit, front));
        return Results.Ok(new ConnectionsResponse(page.Total, page.Connections, page.Next));
    }

    private static async Task<IResult> Send(RoomRouter router, SendRequest request, HttpContext context)
    {
        var message = ApiMessage.Of(request, context);
        if (message.Id is not null)
            throw new ArgumentException("A message to everybody is kept nowhere, so its repeats are not recognised: give no 'id'.");
        return Results.Ok(new BroadcastResponse(await router.Call(() => router.Cluster.Broadcast(message))));
    }
}
