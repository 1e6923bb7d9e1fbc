using Realtime.Connections;
using Realtime.WebFront.Limiting;
using Realtime.WebFront.Rooms;
using static Realtime.WebFront.Protocol.FrameRules;

namespace Realtime.WebFront.Protocol;

/// <summary>What is refused, and what is over a limit.</summary>
internal sealed partial class RealtimeProtocol
{
    /// <summary>A command over a limit is refused, or waits for its turn.</summary>
    /// <param name="session">Whose.</param>
    /// <param name="message">The command as it came.</param>
    /// <param name="excess">The limit.</param>
    /// <param name="frame">The command, unless it has not been decoded.</param>
    /// <param name="isCounted">Whether it was within the limit of all commands.</param>
    private ValueTask Limit(Session session, Message message, in Excess excess, in ClientFrame frame, bool isCounted)
    {
        switch (excess.Step)
        {
            case ExcessStep.Wait:
                return Later(session, message, excess.Wait, isCounted);
            case ExcessStep.Close:
                events.Recent.Limited(session.Connection, excess.Limit, excess.Reason);
                CloseLimited(session, "over its limits for too long");
                return ValueTask.CompletedTask;
            default:
                events.Recent.Limited(session.Connection, excess.Limit, excess.Reason);
                var error = ServerFrames.Limited(isCounted ? frame.Id : FrameId.Find(message.Data.Span), Short(frame.Room), Short(frame.To), excess);
                return Refuse(session, error);
        }

        static string? Short(string? name) => name is null ? null : Shorten(name);
    }

    /// <summary>Nothing is read from the client meanwhile, as the message has not been handled.</summary>
    private async ValueTask Later(Session session, Message message, TimeSpan wait, bool isCounted)
    {
        // In whole milliseconds: less would be over at once, and this call itself again, on one stack that comes to its end.
        await Task.Delay(TimeSpan.FromMilliseconds(Math.Clamp(Math.Ceiling(wait.TotalMilliseconds), 1, CommandLimits.LongestWait.TotalMilliseconds)), time);
        if (session.Connection.IsConnected)
            await (isCounted ? Read(session, message) : OnMessage(session.Connection, message));
    }

    private ValueTask Refuse(Session session, in ClientFrame frame, string code, string reason)
    {
        events.Recent.Failed(session.Connection, code, reason);
        return Refuse(session, ServerFrames.Error(frame.Id, frame.Room is null ? null : Shorten(frame.Room), code, reason));
    }

    private ValueTask Refuse(Session session, Frame error)
    {
        session.Connection.Deliver(error);
        session.EndStream(CloseCodes.TryAgainLater, "refused");
        if (!limits.CountError(session))
            CloseLimited(session, "too many errors");
        return ValueTask.CompletedTask;
    }

    private static void CloseLimited(Session session, string reason) => _ = session.Connection.CloseAsync(CloseCodes.RateLimited, reason);

    private ValueTask Refuse(Session session, in ClientFrame frame, Refusal refusal) => Refuse(session, frame, refusal.Code, refusal.Reason);
}
