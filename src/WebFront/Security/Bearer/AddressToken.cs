using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Realtime.WebFront.Security;

/// <summary>
/// Takes a token out of the address of a request for one of the front's WebSockets or streams of events before anything sees it. The server's own log of
/// requests is written before the first middleware, and every log of requests has the address; who asks for the parameter by its
/// name (<see cref="HttpRequest.Query"/>) still has it.
/// </summary>
internal static class AddressToken
{
    public const string Name = "access_token";

    // The endpoints of MapRealtime and MapRealtimePages. They may stand below a prefix or a path base.
    private static readonly string[] s_paths = ["/ws", "/ws/echo"];

    public static void Hide(IFeatureCollection features)
    {
        if (features.Get<IHttpRequestFeature>() is not { QueryString: { Length: > 1 } query } request || !IsOfFront(request.Path))
            return;
        var rest = Without(query);
        if (rest == query)
            return;
        features.Set<IQueryFeature>(new QueryFeature(new QueryCollection(QueryHelpers.ParseQuery(query))));
        request.QueryString = rest;
        if (request.RawTarget.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark)
            request.RawTarget = request.RawTarget[..mark] + rest;
    }

    private static bool IsOfFront(string path)
    {
        var end = path.AsSpan().TrimEnd('/');
        foreach (var own in s_paths)
        {
            if (end.EndsWith(own, StringComparison.OrdinalIgnoreCase))
                return true;
        }
        return end.EndsWith("/api/inbox/events", StringComparison.OrdinalIgnoreCase) || end.EndsWith("/api/session/events", StringComparison.OrdinalIgnoreCase)
            || (end.EndsWith("/events", StringComparison.OrdinalIgnoreCase) && end.Contains("/api/rooms/", StringComparison.OrdinalIgnoreCase));
    }

    // By the names as they decode, of which an encoded one is the same parameter.
    private static string Without(string query)
    {
        var rest = new StringBuilder();
        var found = false;
        foreach (var pair in new QueryStringEnumerable(query))
        {
            if (pair.DecodeName().Span.Equals(Name, StringComparison.OrdinalIgnoreCase))
            {
                found = true;
                continue;
            }
            rest.Append(rest.Length == 0 ? '?' : '&').Append(pair.EncodedName);
            if (!pair.EncodedValue.IsEmpty)
                rest.Append('=').Append(pair.EncodedValue);
        }
        return found ? rest.ToString() : query;
    }
}

/// <summary>The framework's factory, behind <see cref="AddressToken.Hide"/>: the first of our code that sees a request.</summary>
internal sealed class TokenHidingContextFactory(IServiceProvider services) : IHttpContextFactory
{
    private readonly DefaultHttpContextFactory _inner = new(services);

    public HttpContext Create(IFeatureCollection featureCollection)
    {
        AddressToken.Hide(featureCollection);
        return _inner.Create(featureCollection);
    }

    public void Dispose(HttpContext httpContext) => _inner.Dispose(httpContext);
}
