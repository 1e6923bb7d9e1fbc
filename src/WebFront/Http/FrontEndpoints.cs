using Realtime.Grains;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Http;

/// <summary><c>/api/fronts</c>, <c>/api/silos</c> and <c>/api/errors</c>: for whoever runs them.</summary>
internal static class FrontEndpoints
{
    public static readonly ApiRoute[] Routes =
    [
        new("GET", "fronts", RealtimePolicies.Read, Fronts),
        new("POST", "fronts/{front}/drain", RealtimePolicies.Admin, request => Drain(request, isOn: true)),
        new("POST", "fronts/{front}/undrain", RealtimePolicies.Admin, request => Drain(request, isOn: false)),
        new("GET", "silos", RealtimePolicies.Read, Silos),
        new("GET", "errors", RealtimePolicies.Admin, Errors),
    ];

    private static async Task Fronts(ApiRequest request)
    {
        var found = await request.Calls.Call(request.Calls.Cluster.Fronts);
        await request.Ok(new FrontsResponse([.. found.Select(FrontResponse.Of)]), ApiJson.Default.FrontsResponse);
    }

    private static async Task Silos(ApiRequest request)
    {
        var found = await request.Calls.Call(request.Calls.Cluster.Silos);
        await request.Ok(new SilosResponse([.. found.Select(SiloResponse.Of)]), ApiJson.Default.SilosResponse);
    }

    private static async Task Drain(ApiRequest request, bool isOn)
    {
        var (calls, front) = (request.Calls, request.Front);
        request.RefuseKey("A drain");
        var connections = await calls.Call(() => calls.Cluster.Drain(front, isOn))
            ?? throw new ApiException(Problems.FrontNotFound, "There is no front of this id.");
        await request.Ok(new DrainResponse(front, isOn, connections), ApiJson.Default.DrainResponse);
    }

    private static async Task Errors(ApiRequest request)
    {
        var (calls, kind, front, limit) = (request.Calls, request.Text("kind"), request.Text("front"), request.Limit(Limits.PageSize));
        var found = await calls.Call(() => calls.Cluster.Errors(limit, kind, front));
        await request.Ok(new ErrorsResponse([.. found.Select(ErrorResponse.Of)]), ApiJson.Default.ErrorsResponse);
    }
}
