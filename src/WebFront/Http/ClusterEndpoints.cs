using Realtime.Grains;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Http;

/// <summary><c>/api/cluster</c>, <c>/api/connections</c> and <c>/api/messages</c>: what concerns everybody.</summary>
internal static class ClusterEndpoints
{
    public static readonly ApiRoute[] Routes =
    [
        new("GET", "cluster", RealtimePolicies.Read, Describe),
        new("GET", "connections", RealtimePolicies.Read, List),
        new("DELETE", "connections/{id}", RealtimePolicies.Admin, Close),
        new("POST", "messages", RealtimePolicies.Publish, Send),
    ];

    private static async Task Describe(ApiRequest request)
    {
        var calls = request.Calls;
        var found = await calls.Call(calls.Cluster.Describe);
        await request.Ok(new ClusterResponse(calls.Front, found.Connections, found.Fronts, found.Silos), ApiJson.Default.ClusterResponse);
    }

    private static async Task List(ApiRequest request)
    {
        var (calls, after, front, limit) = (request.Calls, request.After, request.Text("front"), request.Limit(Limits.PageSize));
        var filter = new ConnectionFilter
        {
            User = request.Name("user"),
            Room = request.Name("room"),
            Prefix = request.Text("prefix"),
            Queued = (int)(request.Number("queued", 0, int.MaxValue) ?? 0),
        };
        var page = await calls.Call(() => calls.Cluster.Connections(after, limit, front, filter));
        await request.Ok(new ConnectionsResponse(page.Total, page.Connections, page.Next), ApiJson.Default.ConnectionsResponse);
    }

    private static async Task Close(ApiRequest request)
    {
        var (calls, connection) = (request.Calls, request.Connection);
        request.RefuseKey("A disconnect");
        if (!await calls.Call(() => calls.Cluster.Close(connection)))
            throw new ApiException(Problems.ConnectionNotFound, "There is no connection of this id.");
        await request.Ok(new ClosedResponse(connection), ApiJson.Default.ClosedResponse);
    }

    private static async Task Send(ApiRequest request)
    {
        var calls = request.Calls;
        var message = await request.Message(keepsIds: false, receiver: "everybody");
        await request.Ok(new BroadcastResponse(await calls.Call(() => calls.Cluster.Broadcast(message))), ApiJson.Default.BroadcastResponse);
    }
}
