namespace Realtime.WebFront.Security;

/// <summary>Why a request's credentials were refused. It is carried in an authentication result, not thrown.</summary>
/// <param name="status">The HTTP status: 400 or 401.</param>
/// <param name="error">The error code of RFC 6750 section 3.1.</param>
/// <param name="message">A sentence for the client; repeats nothing of the credentials.</param>
internal sealed class RefusedException(int status, string error, string message) : Exception(message)
{
    public int Status { get; } = status;

    public string Error { get; } = error;
}
