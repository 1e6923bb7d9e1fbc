using System.Text.Json.Nodes;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Http;

/// <summary>
/// The description of the HTTP API (OpenAPI 3.1) at <c>/openapi/v1.json</c>: <c>openapi.json</c>, written by hand, since what a
/// generator could see of the API is less than its callers need. A test compares it with what the front answers.
/// </summary>
internal sealed class OpenApiDocument
{
    private readonly JsonObject _document;

    public OpenApiDocument()
    {
        using var stream = typeof(OpenApiDocument).Assembly.GetManifestResourceStream("openapi.json")!;
        _document = JsonNode.Parse(stream)!.AsObject();
    }

    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapGetOnly("/openapi/v1.json", context =>
    {
        var document = _document.DeepClone();
        document["servers"] = new JsonArray(new JsonObject { ["url"] = PrefixOf(context.Request) });
        return OperationEndpoints.WriteText(context, "application/json; charset=utf-8", document.ToJsonString());
    }).RequireAuthorization(RealtimePolicies.Read);

    // Where the paths of the document begin: what stands before /openapi/v1.json.
    private static string PrefixOf(HttpRequest request)
    {
        var path = (request.PathBase + request.Path).ToUriComponent().TrimEnd('/');
        var prefix = path[..^"/openapi/v1.json".Length];
        return prefix.Length == 0 ? "/" : prefix;
    }
}
