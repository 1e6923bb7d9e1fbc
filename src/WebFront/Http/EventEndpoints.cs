using System.Globalization;
using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Security;
using Realtime.WebFront.Tokens;

namespace Realtime.WebFront.Http;

/// <summary>Server-sent events: <c>/api/rooms/{room}/events</c> and <c>/api/inbox/events</c>, for clients as <c>/ws</c> is.</summary>
internal static class EventEndpoints
{
    private const string LastEventId = "Last-Event-ID", InAddress = "lastEventId";

    public static readonly ApiRoute[] Routes =
    [
        new("GET", "rooms/{room}/events", RealtimePolicies.Client, request => Serve(request, request.Room)) { IsStream = true },
        new("GET", "inbox/events", RealtimePolicies.Client, request => Serve(request, null)) { IsStream = true },
    ];

    private static async Task Serve(ApiRequest request, string? room)
    {
        var context = request.Context;
        if (RevocationEndpoints.ProblemOf(context) is var (problem, detail) && detail is not null)
        {
            await Problems.Write(context, problem, detail);
            return;
        }
        var last = room is null ? null : request.Number("last", 1, Limits.HistoryPage);
        var id = IdOf(request);
        if (id == ServerEvents.Over)
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent; // by which a browser knows that it is over
            return;
        }
        await context.RequestServices.GetRequiredService<EventStreams>().Serve(context, room, id is null ? null : PositionOf(id), last);
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

    private static (string Epoch, long Sequence) PositionOf(string id)
    {
        var colon = id.LastIndexOf(':');
        if (colon is < 1 or > Limits.IdBytes || !id.AsSpan(0, colon).ContainsAnyExcept(' ') || id.AsSpan(0, colon).ContainsAnyInRange('\0', '\x1f')
            || id.Contains('\0') || !long.TryParse(id.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
            throw new ApiException(Problems.BadRequest, $"{LastEventId} must be a position as the 'id' of events has it: an epoch, a colon and a number.");
        return (id[..colon], sequence);
    }
}
