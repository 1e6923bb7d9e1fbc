namespace Realtime.WebFront.Security;

/// <summary>Why a request's credentials were refused. It is carried in an authentication result, not thrown.</summary>
/// <param name="status">The HTTP status: 400, 401 or 503.</param>
/// <param name="error">The error code of RFC 6750 section 3.1; null with 503, which is no fault of the request.</param>
/// <param name="message">A sentence for the client; repeats nothing of the credentials.</param>
internal sealed class RefusedException(int status, string? error, string message) : Exception(message)
{
    public int Status { get; } = status;

    public string? Error { get; } = error;

    public static RefusedException Request(string why) => new(StatusCodes.Status400BadRequest, "invalid_request", why);

    public static RefusedException Token(string why) => new(StatusCodes.Status401Unauthorized, "invalid_token", why);

    public static RefusedException NoKeysYet() =>
        new(StatusCodes.Status503ServiceUnavailable, null, "The keys of the tokens' issuer could not be read yet; try again.");
}
