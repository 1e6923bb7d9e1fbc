using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Realtime.WebFront.Limiting;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Http;

/// <summary>One operation of the HTTP API.</summary>
/// <param name="Method">GET, which serves HEAD too, POST, PUT or DELETE.</param>
/// <param name="Path">Below <c>/api</c>; a segment in braces is a name.</param>
/// <param name="Policy">Who may use it.</param>
/// <param name="Run">Answers a request.</param>
internal sealed record ApiRoute(string Method, string Path, string Policy, Func<ApiRequest, Task> Run)
{
    private readonly string[] _segments = Path.Split('/');

    /// <summary>Whether it is for a path, and the names that this has.</summary>
    public bool Fits(ReadOnlySpan<string> path, out IReadOnlyList<string> names)
    {
        names = [];
        if (path.Length != _segments.Length)
            return false;
        for (var i = 0; i < path.Length; i++)
        {
            if (!IsName(i) && !_segments[i].Equals(path[i], StringComparison.OrdinalIgnoreCase)) // as routing compares
                return false;
        }
        var found = new List<string>();
        for (var i = 0; i < path.Length; i++)
        {
            if (IsName(i))
                found.Add(path[i]);
        }
        names = found;
        return true;
    }

    private bool IsName(int segment) => _segments[segment][0] == '{';

    public bool Serves(string method) => Methods.Contains(method, StringComparer.Ordinal); // RFC 9110 section 9.1

    public string[] Methods => Method == HttpMethods.Get && !IsStream ? [HttpMethods.Get, HttpMethods.Head] : [Method];

    /// <summary>Its answer is a stream of events, and not JSON.</summary>
    public bool IsStream { get; init; }
}

/// <summary>
/// The HTTP API of a front. Its endpoints stand in the application's table one by one, but which operation a request means
/// is decided here and by the target as it was sent: see <see cref="RequestTarget"/>.
/// </summary>
internal sealed class Api(IOptions<FrontOptions> options, RequestLimits limits)
{
    // For names, white space and escapes; content and data come on top.
    private const int BodyOverhead = 16 * 1024;

    public static readonly IReadOnlyList<ApiRoute> Routes = [.. RoomEndpoints.Routes, .. BatchEndpoint.Routes, .. UserEndpoints.Routes, .. RevocationApi.Routes, .. ClusterEndpoints.Routes, .. FrontEndpoints.Routes, .. EventEndpoints.Routes];

    // What is below these is ours, whatever it is; beside them the application may have endpoints of its own below /api.
    private static readonly string[] s_prefixes = ["rooms/{**rest}", "users/{**rest}", "connections/{**rest}", "fronts/{**rest}"];

    private readonly int _maxBody = BodyOverhead + 2 * options.Value.MaxContentBytes;

    /// <summary>Maps <c>/api</c>.</summary>
    public void Map(IEndpointRouteBuilder endpoints)
    {
        var api = endpoints.MapGroup("/api").ExcludeFromDescription();
        foreach (var route in Routes)
            api.MapMethods(route.Path, route.Methods, Serve).WithMetadata(Depth(route.Path), route).RequireAuthorization(route.Policy);
        // Other methods and other paths, so that these are refused as problems too.
        foreach (var path in Routes.Select(route => route.Path).Concat(s_prefixes).Distinct())
            api.Map(path, Serve).WithMetadata(Depth(path)).WithOrder(1)
                .RequireAuthorization(Routes.Any(route => route.Path == path && route.Policy == RealtimePolicies.Client) ? RealtimePolicies.Client : RealtimePolicies.Read);
    }

    /// <summary>Maps what is left below <c>/api</c>, for a process that has nothing else there.</summary>
    public void MapRest(IEndpointRouteBuilder endpoints) =>
        endpoints.Map("/api/{**rest}", Serve).WithMetadata(new ApiDepth(2)).WithOrder(2).RequireAuthorization(RealtimePolicies.Read).ExcludeFromDescription();

    private static ApiDepth Depth(string path) => new(1 + path.Split('/').Length);

    // Nothing is kept here of what it took to begin a stream, which may be idle for days.
    private async Task Serve(HttpContext context)
    {
        var rest = await Begin(context);
        await rest;
    }

    private async Task<Task> Begin(HttpContext context)
    {
        var rest = Task.CompletedTask;
        await Problems.Guard(context, async context => rest = await Run(context));
        return rest;
    }

    private async Task<Task> Run(HttpContext context)
    {
        SecurityHeaders.SetForData(context.Response.Headers);
        await limits.Count(context);
        var path = RequestTarget.Path(context).AsSpan();
        var at = PrefixOf(context);
        if (at >= path.Length || !path[at].Equals("api", StringComparison.OrdinalIgnoreCase))
            throw NotFound();
        path = path[(at + 1)..];
        var allowed = new List<string>();
        foreach (var route in Routes)
        {
            if (!route.Fits(path, out var names))
                continue;
            if (route.Serves(context.Request.Method))
            {
                await CheckPolicy(context, route);
                CheckAccept(context.Request, route.IsStream ? s_events : s_json);
                var request = new ApiRequest(context, names, _maxBody);
                await route.Run(request);
                return request.Rest;
            }
            allowed.AddRange(route.Methods);
        }
        throw allowed.Count == 0 ? NotFound() : Refuse(context, allowed);
    }

    /// <summary>The endpoint's policy is asked before, but the server may have taken the path for that of another operation.</summary>
    private static async Task CheckPolicy(HttpContext context, ApiRoute route)
    {
        if (context.GetEndpoint()!.Metadata.GetMetadata<ApiRoute>() == route)
            return;
        var authorization = context.RequestServices.GetRequiredService<IAuthorizationService>();
        if (!(await authorization.AuthorizeAsync(context.User, context, route.Policy)).Succeeded)
            throw new ApiException(Problems.Forbidden, $"The token does not have the scope that this needs. It is {RealtimePolicies.ScopeOf(route.Policy)}.");
    }

    /// <summary>405, with what is allowed (RFC 9110 section 15.5.6).</summary>
    public static ApiException Refuse(HttpContext context, IReadOnlyList<string> allowed)
    {
        context.Response.Headers.Allow = string.Join(", ", allowed);
        return new(Problems.MethodNotAllowed, $"This address is for {string.Join(" and ", allowed)}.");
    }

    public static ApiException NotFound() => new(Problems.NotFound, "There is nothing at this address; the API is described in docs/protocol.md.");

    // How many segments of the path stand before /api: those of the path base and of the groups that it is mapped in.
    private static int PrefixOf(HttpContext context)
    {
        var endpoint = (RouteEndpoint)context.GetEndpoint()!;
        return context.Request.PathBase.Value.AsSpan().Count('/')
            + endpoint.RoutePattern.PathSegments.Count - endpoint.Metadata.GetRequiredMetadata<ApiDepth>().Segments;
    }

    private static void CheckAccept(HttpRequest request, MediaTypeHeaderValue answer)
    {
        if (request.Headers.Accept.Count == 0 || !MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted))
            return;
        // The most specific range counts (RFC 9110 section 12.5.1).
        var best = accepted.Where(range => answer.IsSubsetOf(new MediaTypeHeaderValue(range.MediaType)))
            .OrderBy(range => range.MatchesAllTypes ? 2 : range.MatchesAllSubTypes ? 1 : 0).FirstOrDefault();
        if (best is null || best.Quality == 0)
            throw new ApiException(Problems.NotAcceptable, $"The answer is {answer.MediaType}, which the Accept header of the request excludes.");
    }

    private static readonly MediaTypeHeaderValue s_json = new("application/json"), s_events = new("text/event-stream");

    /// <summary>How many segments of an endpoint's pattern are the API's, <c>/api</c> among them.</summary>
    private sealed record ApiDepth(int Segments);
}
