namespace Realtime.WebFront.Protocol;

/// <summary>
/// What is wrong with what a client asks; becomes an <c>error</c> frame. Not an exception, whose cost a client could choose.
/// </summary>
/// <param name="Code">One of <see cref="ErrorCodes"/>.</param>
/// <param name="Reason">What was wrong and what is allowed.</param>
internal readonly record struct Refusal(string Code, string Reason)
{
    public static Refusal BadRequest(string reason) => new(ErrorCodes.BadRequest, reason);
}
