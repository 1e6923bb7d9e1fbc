using Realtime.Grains;
using Realtime.WebFront.Rooms;
using static Realtime.WebFront.Protocol.FrameRules;

namespace Realtime.WebFront.Protocol;

/// <summary>Calls of the client, and its answers to those of the server. Neither counts as a command in flight: a long one holds up nothing.</summary>
internal sealed partial class RealtimeProtocol
{
    private ValueTask Call(Session session, in ClientFrame frame)
    {
        if (IdProblem(frame) is { } unnamed)
            return Refuse(session, frame, unnamed);
        return frame.Type == ClientFrameType.Call ? Begin(session, frame) : Answer(session, frame);
    }

    private ValueTask Begin(Session session, in ClientFrame frame)
    {
        var refusal = MethodProblem(frame) ?? SizeProblem(frame, _options.MaxContentBytes) ?? methods.Begin(session, frame.Id!, frame.Method!, frame.CopyData());
        return refusal is { } wrong ? Refuse(session, frame, wrong) : ValueTask.CompletedTask;
    }

    private ValueTask Answer(Session session, in ClientFrame frame)
    {
        var isError = frame.Type == ClientFrameType.Error;
        if (((isError ? CodeProblem(frame) : null) ?? SizeProblem(frame, _options.MaxContentBytes)) is { } wrong)
        {
            clients.Answer(session, frame.Id!, new CallAnswer(null, CallException.CallFailed, $"The client's answer was refused: {wrong.Reason}"));
            return Refuse(session, frame, wrong);
        }
        clients.Answer(session, frame.Id!, isError
            ? new CallAnswer(null, frame.Code, frame.DecodeContent() is { } words ? Shorten(words, Limits.CallErrorChars) : null)
            : new CallAnswer(frame.CopyData()));
        return ValueTask.CompletedTask;
    }
}
