using System.Globalization;
using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Security;
using Realtime.WebFront.Tokens;

namespace Realtime.WebFront.Http;

/// <summary>Server-sent events: <c>/api/rooms/{room}/events</c> and <c>/api/inbox/events</c>, for clients as <c>/ws</c> is.</summary>
internal static class EventEndpoints
{
    // In one post.
    private const int MostFrames = 256;

    private const string LastEventId = "Last-Event-ID", InAddress = "lastEventId";

    public static readonly ApiRoute[] Routes =
    [
        new("GET", "rooms/{room}/events", RealtimePolicies.Client, request => Serve(request, request.Room)) { IsStream = true },
        new("GET", "inbox/events", RealtimePolicies.Client, request => Serve(request, null)) { IsStream = true },
        new("GET", "session/events", RealtimePolicies.Client, ServeSession) { IsStream = true },
        new("POST", "session/{session}", RealtimePolicies.Client, Post),
    ];

    private static async Task Serve(ApiRequest request, string? room)
    {
        var context = request.Context;
        RefuseRevoked(context);
        var join = room is null ? default : new StreamJoin(request.Number("last", 1, Limits.HistoryPage), PresenceOf(request));
        var id = IdOf(request);
        if (id == ServerEvents.Over)
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent; // by which a browser knows that it is over
            return;
        }
        request.Rest = await context.RequestServices.GetRequiredService<EventStreams>().Serve(context, room, id is null ? null : PositionOf(id), join);
    }

    private static async Task ServeSession(ApiRequest request)
    {
        RefuseRevoked(request.Context);
        request.Rest = await request.Context.RequestServices.GetRequiredService<EventStreams>().ServeSession(request.Context);
    }

    /// <summary>A front that has not the session asks the one that has: so clients need not come to the same one.</summary>
    private static async Task Post(ApiRequest request)
    {
        var (context, calls) = (request.Context, request.Calls);
        RefuseRevoked(context);
        var number = request.Number("number", 1, long.MaxValue) ?? throw new ApiException(Problems.BadRequest, "'number' is missing in the address; it counts the session's posts, from 1 on.");
        var frames = await request.Frames(MostFrames);
        var result = SessionPostResult.NotFound;
        if (request.Session.Split('.') is [var front, var connection, var secret])
        {
            var post = new SessionPost { Connection = connection, Secret = secret, User = context.User.Identity!.Name!, Number = number, Frames = frames };
            result = front == calls.Front
                ? context.RequestServices.GetRequiredService<PostedSessions>().Post(post)
                : await calls.Call(() => calls.Cluster.Post(front, post));
        }
        switch (result)
        {
            case SessionPostResult.Taken:
                context.Response.StatusCode = StatusCodes.Status204NoContent;
                return;
            case SessionPostResult.Full:
                context.Response.Headers.RetryAfter = "1"; // second
                throw new ApiException(Problems.RateLimited, "The session has enough to do; post the same again later.");
            case SessionPostResult.Missing:
                throw new ApiException(Problems.BadRequest, "Posts before this one have not come: they count 1, 2, 3 .., one at a time.");
            default:
                throw new ApiException(Problems.ConnectionNotFound, "There is no such session of this user.");
        }
    }

    private static void RefuseRevoked(HttpContext context)
    {
        if (RevocationEndpoints.ProblemOf(context) is var (problem, detail) && detail is not null)
            throw new ApiException(problem, detail);
    }

    /// <summary>The header is of a browser that comes back, to the address that it has come to first: so it counts before that.</summary>
    private static string? IdOf(ApiRequest request)
    {
        var header = request.Context.Request.Headers[LastEventId];
        if (header.Count > 1)
            throw new ApiException(Problems.BadRequest, $"The header {LastEventId} is there more than once; give it once.");
        var id = header.Count == 1 ? header[0] : null;
        var first = request.Text(InAddress);
        return !string.IsNullOrEmpty(id) ? id : !string.IsNullOrEmpty(first) ? first : null;
    }

    private static string? PresenceOf(ApiRequest request)
    {
        var presence = request.Text("presence");
        return FrameRules.PresenceProblem(presence) is { } problem ? throw new ApiException(Problems.BadRequest, problem.Reason) : presence;
    }

    private static (string Epoch, long Sequence) PositionOf(string id)
    {
        var colon = id.LastIndexOf(':');
        if (colon is < 1 or > Limits.IdBytes || !id.AsSpan(0, colon).ContainsAnyExcept(' ') || id.AsSpan(0, colon).ContainsAnyInRange('\0', '\x1f')
            || id.Contains('\0') || !long.TryParse(id.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
            throw new ApiException(Problems.BadRequest, $"{LastEventId} must be a position as the 'id' of events has it: an epoch, a colon and a number.");
        return (id[..colon], sequence);
    }
}
