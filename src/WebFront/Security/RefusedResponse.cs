namespace Realtime.WebFront.Security;

/// <summary>The answer to a request that is not let in: problem+json (RFC 9457), as everywhere in the HTTP API.</summary>
internal static class RefusedResponse
{
    public static Task WriteAsync(HttpContext context, int status, string detail)
    {
        var code = status switch
        {
            StatusCodes.Status400BadRequest => "bad_request",
            StatusCodes.Status403Forbidden => "forbidden",
            _ => "unauthorized",
        };
        return TypedResults.Problem(detail, statusCode: status, extensions: new Dictionary<string, object?> { ["code"] = code })
            .ExecuteAsync(context);
    }
}
