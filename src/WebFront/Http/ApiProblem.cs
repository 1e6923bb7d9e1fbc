using Realtime.Grains;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Http;

/// <summary>Errors of the API: RFC 9457 problems with the protocol's error code in <c>code</c>.</summary>
internal static class ApiProblem
{
    public static IResult BadRequest(string code, string detail) => Of(StatusCodes.Status400BadRequest, code, detail);

    public static IResult NotFound(string code, string detail) => Of(StatusCodes.Status404NotFound, code, detail);

    /// <summary>What an exception of a handler or of the framework says to the caller.</summary>
    public static IResult From(Exception? exception) => exception switch
    {
        BadHttpRequestException bad => Of(bad.StatusCode, ErrorCodes.BadRequest, bad.InnerException?.Message ?? bad.Message),
        RoomException room => Of(StatusOf(room.Code), room.Code, room.Message),
        RequestException bad => Of(StatusOf(bad.Code), bad.Code, bad.Message),
        ArgumentException bad => BadRequest(ErrorCodes.BadRequest, bad.Message),
        TimeoutException or Orleans.Runtime.OrleansException => Of(
            StatusCodes.Status503ServiceUnavailable, ErrorCodes.Unavailable, "The room or user could not be reached; try again."),
        _ => Of(StatusCodes.Status500InternalServerError, "internal", "The server failed; its log says why."),
    };

    private static int StatusOf(string code) => code switch
    {
        RoomException.IdConflict => StatusCodes.Status409Conflict,
        RequestException.ContentTooLong => StatusCodes.Status413PayloadTooLarge,
        RoomException.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status400BadRequest,
    };

    private static IResult Of(int status, string code, string detail) => Results.Problem(
        detail, statusCode: status, extensions: new Dictionary<string, object?> { ["code"] = code });
}
