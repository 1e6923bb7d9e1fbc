using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Http;

/// <summary>A message of a batch.</summary>
/// <param name="Room">Where it goes.</param>
/// <param name="Message">What goes there; null when <paramref name="Refused"/> says why it does not.</param>
internal readonly record struct Posted(string? Room, RoomMessage? Message, ApiException? Refused);

/// <summary><c>/api/batch</c>: messages to many rooms in one request, with an answer for each.</summary>
internal static class BatchEndpoint
{
    private const int MaxMessages = 1000;

    // So many of its rooms are called at once: enough to hide their latency, few beside what other requests do.
    private const int RoomsAtOnce = 16;

    public static readonly ApiRoute[] Routes = [new("POST", "batch", RealtimePolicies.Publish, Send)];

    private static async Task Send(ApiRequest request)
    {
        var messages = await request.Messages(MaxMessages);
        var answers = new BatchResponse[messages.Count];
        var rooms = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        for (var i = 0; i < answers.Length; i++)
        {
            if (messages[i].Refused is { } refused)
                answers[i] = BatchResponse.Refused(refused.Problem.Code, refused.Message);
            else if (rooms.TryGetValue(messages[i].Room!, out var others))
                others.Add(i);
            else
                rooms[messages[i].Room!] = [i];
        }
        var start = request.Calls.Now;
        await Parallel.ForEachAsync(rooms, new ParallelOptions { MaxDegreeOfParallelism = RoomsAtOnce }, async (room, _) =>
        {
            var reached = true;
            foreach (var turn in room.Value.Chunk(Limits.BatchMessages))
                reached = await SendTurn(request, start, room.Key, turn, messages, answers, reached);
        });
        await request.Ok(answers, ApiJson.Default.BatchResponseArray);
    }

    /// <summary>
    /// Sends what goes to a room in one turn. False when some of it may be lost: what comes after it is not sent then, since a client that
    /// repeats what is missing would have it behind.
    /// </summary>
    private static async Task<bool> SendTurn(
        ApiRequest request, long start, string room, int[] turn, IReadOnlyList<Posted> messages, BatchResponse[] answers, bool reached)
    {
        if (!reached || request.Calls.IsLate(start))
            return Refuse(ErrorCodes.Unavailable, "It was not sent, as the room, or rooms before it, could not be reached; try again.");
        try
        {
            // With an id of its own, what is repeated because a silo died is still one message.
            var sent = Array.ConvertAll(turn, i => messages[i].Message! is { Id: null } plain ? plain with { Id = Guid.NewGuid().ToString("N") } : messages[i].Message!);
            var replies = await request.Calls.Call(() => request.Calls.Room(room).BroadcastMany(sent));
            for (var i = 0; i < turn.Length; i++)
            {
                answers[turn[i]] = replies[i] switch
                {
                    PublishedReply published => BatchResponse.Of(room, published.Receipt),
                    RefusedReply refused => BatchResponse.Refused(refused.Code, refused.Reason),
                    var other => throw new InvalidOperationException($"A publish is not answered by {other.GetType().Name}."),
                };
            }
            return !Array.Exists(turn, i => answers[i].Code == ErrorCodes.Unavailable);
        }
        catch (Exception exception)
        {
            var (problem, detail) = request.Explain(exception);
            return Refuse(problem.Code, detail);
        }

        bool Refuse(string code, string message)
        {
            foreach (var i in turn)
                answers[i] = BatchResponse.Refused(code, message);
            return false;
        }
    }
}
