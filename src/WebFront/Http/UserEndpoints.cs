using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Http;

/// <summary><c>/api/users</c></summary>
internal static class UserEndpoints
{
    public static void MapUsers(this IEndpointRouteBuilder api)
    {
        api.MapGet("/users/{user}", Describe).WithTags("Users").WithSummary("A user's connections and rooms.")
            .Produces<UserResponse>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapPost("/users/{user}/messages", Send).WithTags("Users").WithSummary("Sends a message to all connections of a user.")
            .Produces<UserSendResponse>();
        api.MapPost("/users/{user}/disconnect", Disconnect).WithTags("Users").WithSummary("Closes all connections of a user.")
            .Produces<UserSendResponse>();
    }

    private static async Task<IResult> Describe(RoomRouter router, string user)
    {
        Names.Check(user, "user");
        var found = await router.Call(() => router.User(user).Describe());
        if (found.Connections.Length == 0)
            return ApiProblem.NotFound(ErrorCodes.UserNotFound, $"The user '{user}' is not connected.");
        return Results.Ok(new UserResponse(
            user,
            [.. found.Connections.Select(connection => new UserConnectionResponse(connection.Connection, connection.Front, connection.ConnectedAt))],
            found.Rooms));
    }

    private static async Task<IResult> Send(RoomRouter router, string user, SendRequest request, HttpContext context)
    {
        Names.Check(user, "user");
        var message = ApiMessage.Of(request, context);
        var reached = await router.Call(() => router.User(user).Send(message));
        return Results.Ok(new UserSendResponse(user, reached));
    }

    private static async Task<IResult> Disconnect(RoomRouter router, string user, DisconnectRequest? request)
    {
        Names.Check(user, "user");
        // The reason travels in a close frame, which has 123 bytes for it (RFC 6455 section 5.5).
        const int most = Limits.ReasonBytes;
        if (request?.Reason is { } reason && System.Text.Encoding.UTF8.GetByteCount(reason) > most)
            return ApiProblem.BadRequest(ErrorCodes.BadRequest, $"'reason' may have {most} bytes of UTF-8.");
        return Results.Ok(new UserSendResponse(user, await router.Call(() => router.User(user).Disconnect(request?.Reason))));
    }
}
