using System.Text;
using System.Text.Json;
using Orleans;
using Realtime.Grains;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Http;

/// <summary><c>/api/users</c></summary>
internal static class UserEndpoints
{
    public static readonly ApiRoute[] Routes =
    [
        new("GET", "users/{user}", RealtimePolicies.Read, Describe),
        new("GET", "users/{user}/inbox", RealtimePolicies.Read, Inbox),
        new("POST", "users/{user}/messages", RealtimePolicies.Publish, Send),
        new("POST", "users/{user}/calls", RealtimePolicies.Publish, Call),
        new("POST", "users/{user}/disconnect", RealtimePolicies.Admin, Disconnect),
        new("POST", "users/{user}/reauthorize", RealtimePolicies.Admin, Reauthorize),
    ];

    private static async Task Describe(ApiRequest request)
    {
        var (calls, user) = (request.Calls, request.User);
        var found = await calls.Call(() => calls.User(user).Describe());
        if (found.Connections.Length == 0)
            throw new ApiException(Problems.UserNotFound, $"The user '{user}' is not connected.");
        UserConnectionResponse[] connections =
            [.. found.Connections.Select(connection => new UserConnectionResponse(connection.Connection, connection.Front, connection.ConnectedAt))];
        await request.Ok(new UserResponse(user, connections, found.Rooms), ApiJson.Default.UserResponse);
    }

    private static async Task Inbox(ApiRequest request)
    {
        var (calls, user) = (request.Calls, request.User);
        var found = await calls.Call(() => calls.User(user).DescribeInbox());
        var (epoch, sequence) = (found.Position.Epoch, found.Position.Sequence);
        await request.Ok(new InboxResponse(user, found.Connections, found.Messages, epoch.Length == 0 ? null : epoch, sequence), ApiJson.Default.InboxResponse);
    }

    private static async Task Send(ApiRequest request)
    {
        var (calls, user) = (request.Calls, request.User);
        var message = await request.Message(keepsIds: true, receiver: "a user");
        // With an id of its own, a call that is repeated because a silo died is still one message in an inbox.
        message = message.Id is null ? message with { Id = Guid.NewGuid().ToString("N") } : message;
        var receipt = await calls.Call(() => calls.User(user).Deliver(message));
        await request.Ok(
            new UserSendResponse(user, receipt.Connections, receipt.Kept?.Epoch, receipt.Kept?.Sequence, receipt.Kept?.Timestamp), ApiJson.Default.UserSendResponse);
    }

    /// <summary>Calls a method of the user's clients. Nothing is repeated: when an answer is lost the method may have run.</summary>
    private static async Task Call(ApiRequest request)
    {
        var (calls, user) = (request.Calls, request.User);
        request.RefuseKey("A call");
        var body = await request.Body(ApiJson.Default.CallRequest);
        var method = body.Method ?? throw new ApiException(Problems.BadRequest, "A call needs a method.");
        if (body.Timeout is < CallRequest.LeastTimeout or > CallRequest.MostTimeout)
            throw new ApiException(Problems.BadRequest, $"'timeout' is {body.Timeout}; it must be from {CallRequest.LeastTimeout} to {CallRequest.MostTimeout} milliseconds.");
        var data = body.Data.ValueKind == JsonValueKind.Undefined ? null : body.Data.GetRawText();
        TimeSpan? timeout = body.Timeout is { } time ? TimeSpan.FromMilliseconds(time) : null;
        try
        {
            var call = calls.User(user).Call(method, data, timeout);
            call.Ignore(); // its end is seen by nobody when the caller has gone
            await request.Ok(CallResponse.Of(user, await call.WaitAsync(request.Context.RequestAborted)), ApiJson.Default.CallResponse);
        }
        catch (CallException refused)
        {
            if (refused.Code == CallException.TooManyCalls)
                request.Context.Response.Headers.RetryAfter = "1"; // second
            throw new ApiException(Problems.OfCall(refused.Code), refused.Message);
        }
        catch (Exception exception) when (exception is TimeoutException or Orleans.Runtime.OrleansException)
        {
            throw new ApiException(Problems.Unavailable, "The user could not be reached, or the answer was lost; the method may have run.");
        }
    }

    private static async Task Reauthorize(ApiRequest request)
    {
        var (calls, user) = (request.Calls, request.User);
        request.RefuseKey("A reauthorization");
        await request.Body(ApiJson.Default.EmptyRequest, mayBeAbsent: true);
        var memberships = await calls.Call(() => calls.User(user).Reauthorize());
        await request.Ok(new UserReauthorizationResponse(user, memberships), ApiJson.Default.UserReauthorizationResponse);
    }

    private static async Task Disconnect(ApiRequest request)
    {
        var (calls, user) = (request.Calls, request.User);
        request.RefuseKey("A disconnect");
        var reason = (await request.Body(ApiJson.Default.DisconnectRequest, mayBeAbsent: true)).Reason;
        if (reason is not null && Encoding.UTF8.GetByteCount(reason) > Limits.ReasonBytes)
            throw new ApiException(Problems.BadRequest, $"'reason' may have {Limits.ReasonBytes} bytes of UTF-8.");
        await request.Ok(new UserSendResponse(user, await calls.Call(() => calls.User(user).Disconnect(reason))), ApiJson.Default.UserSendResponse);
    }
}
