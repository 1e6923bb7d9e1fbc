using Realtime.Grains;

namespace Realtime.WebFront.Http;

/// <summary><c>/api/cluster</c>, <c>/api/connections</c> and <c>/api/messages</c>: what concerns everybody.</summary>
internal static class ClusterEndpoints
{
    public static readonly ApiRoute[] Routes =
    [
        new("GET", "cluster", Describe),
        new("GET", "connections", List),
        new("POST", "messages", Send),
    ];

    private static async Task Describe(ApiRequest request)
    {
        var router = request.Router;
        var found = await router.Call(router.Cluster.Describe);
        await request.Ok(new ClusterResponse(router.Front, found.Connections, found.Fronts, found.Silos), ApiJson.Default.ClusterResponse);
    }

    private static async Task List(ApiRequest request)
    {
        var (router, after, front, limit) = (request.Router, request.After, request.Text("front"), request.Limit(Limits.PageSize));
        var page = await router.Call(() => router.Cluster.Connections(after, limit, front));
        await request.Ok(new ConnectionsResponse(page.Total, page.Connections, page.Next), ApiJson.Default.ConnectionsResponse);
    }

    private static async Task Send(ApiRequest request)
    {
        var router = request.Router;
        var message = await request.Message(keepsIds: false, receiver: "everybody");
        await request.Ok(new BroadcastResponse(await router.Call(() => router.Cluster.Broadcast(message))), ApiJson.Default.BroadcastResponse);
    }
}
