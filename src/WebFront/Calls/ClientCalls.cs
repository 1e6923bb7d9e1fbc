using System.Globalization;
using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Calls;

/// <summary>Calls methods of clients and waits for their answers, each no longer than its time.</summary>
internal sealed class ClientCalls(
    ConnectionRegistry registry, CallMetrics metrics, IOptions<CallOptions> options, IOptions<FrontOptions> front, TimeProvider time)
{
    /// <summary>The connection is closed.</summary>
    public static readonly CallAnswer Gone = new(null, CallException.ConnectionNotFound, "The connection is closed.");

    private static readonly CallAnswer s_away = new(null, CallException.UserNotFound, "The user is not connected.");

    private long _last;

    /// <summary>Calls all of the user's connections here; the first result, or why there is none.</summary>
    public async Task<CallAnswer> CallUser(string user, string method, byte[]? data, TimeSpan timeout)
    {
        Session[] sessions = [.. registry.GetUser(user).Select(connection => connection.State).OfType<Session>().Where(session => !session.IsStream)];
        if (sessions.Length == 0)
            return s_away;
        using var over = new CancellationTokenSource();
        var (id, frame) = Encode(method, data);
        Task<CallAnswer>[] asked = [.. sessions.Select(session => Call(session, id, frame, timeout, over.Token))];
        var first = await CallAnswer.First(asked, s_away);
        await over.CancelAsync(); // the others' answers would come too late
        return first;
    }

    /// <summary>Calls one connection.</summary>
    /// <exception cref="CallException">It gave no result.</exception>
    /// <exception cref="OperationCanceledException">Cancelled by <paramref name="cancellationToken"/>.</exception>
    public async Task<byte[]?> Call(Session session, string method, string? data, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        var (encoded, given) = CallRules.Check(method, data, timeout, front.Value.MaxContentBytes);
        var (id, frame) = Encode(method, encoded);
        var answer = await Call(session, id, frame, given, cancellationToken);
        return answer.Code is null ? answer.Data : throw new CallException(answer.Code, answer.Message ?? answer.Code);
    }

    /// <summary>A client has answered. An answer that is late, or to nothing, is passed over: the client could not know.</summary>
    public void Answer(Session session, string id, CallAnswer answer)
    {
        if (!session.Calls.Answer(id, answer))
            metrics.ToClient(CallOutcome.Unclaimed);
    }

    private (string Id, Frame Frame) Encode(string method, byte[]? data)
    {
        var id = Interlocked.Increment(ref _last).ToString(CultureInfo.InvariantCulture);
        return (id, ServerFrames.Call(id, method, data));
    }

    private async Task<CallAnswer> Call(Session session, string id, Frame frame, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var calls = session.Calls;
        var outcome = CallOutcome.Cancelled;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!calls.TryExpect(id, options.Value.MaxWaiting, out var waiting))
            {
                outcome = CallOutcome.Refused;
                return new(null, CallException.TooManyCalls, $"{options.Value.MaxWaiting} calls wait for an answer of the connection already.");
            }
            if (!session.Connection.Deliver(frame))
                return Gone;
            var answer = await waiting.WaitAsync(timeout, time, cancellationToken);
            outcome = ReferenceEquals(answer, Gone) ? CallOutcome.Cancelled : answer.Code is null ? CallOutcome.Ok : CallOutcome.Refused;
            return answer;
        }
        catch (TimeoutException)
        {
            outcome = CallOutcome.Timeout;
            return new(null, CallException.CallTimeout, string.Create(CultureInfo.InvariantCulture, $"There was no answer within {timeout.TotalMilliseconds} ms."));
        }
        finally
        {
            calls.Forget(id);
            metrics.ToClient(outcome);
        }
    }
}
