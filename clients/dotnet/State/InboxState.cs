using Realtime.Client.Protocol;

namespace Realtime.Client.State;

/// <summary>The user's inbox that the application has asked for. Under the session's lock.</summary>
internal sealed class InboxState(Session session, Position? since)
{
    private const int Tries = 3;

    private string? _askId;
    private int _attempt;
    private int _unanswered;
    private TaskCompletionSource<InboxOpened>? _waiting;
    private InboxOpened _opened;

    public Position? Position { get; private set; } = since;

    public bool IsOpen { get; private set; }

    public bool IsAsked => _askId is not null;

    /// <summary>The answer, for callers that wait for it.</summary>
    public Task<InboxOpened> Waiting => IsOpen ? Task.FromResult(_opened) : (_waiting ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    public void Lost() => (IsOpen, _askId) = (false, null);

    public void Ask()
    {
        var id = _askId = session.NewId();
        session.Send(id, FrameWriter.Inbox(id, Position), error =>
        {
            if (error is not null)
                AskFailed(id, error);
        });
    }

    private void AskFailed(string id, RealtimeException error)
    {
        // A lost connection asks again by itself.
        if (_askId != id)
            return;
        _askId = null;
        if (error.Code == RealtimeErrorCodes.Timeout && ++_unanswered < Tries)
        {
            session.EndConnection("The server did not answer for the inbox.");
            return;
        }
        if (RealtimeErrorCodes.Passes(error.Code))
        {
            session.After(session.Pause(_attempt++, error.RetryAfter), () =>
            {
                if (_askId is null)
                    Ask();
            });
            return;
        }
        session.DropInbox();
        if (_waiting is null)
            Log.InboxRefused(session.Logger, error.Code, error.Message);
        Fail(error);
    }

    /// <summary>The answer; without an id, messages are lost and the server says where it goes on.</summary>
    public void Answered(scoped in ServerFrame frame)
    {
        var id = frame.Id.Decode();
        if (id is null ? !IsOpen : id != _askId)
            return;
        var before = Position;
        var position = new Position(session.Texts.Get(frame.Epoch), frame.Sequence);
        // After a resume the position moves with the messages that follow.
        if (frame.Recovered != true || before is null)
            Position = position;
        IsOpen = true;
        _attempt = _unanswered = 0;
        _opened = new(position, frame.Recovered);
        _waiting?.TrySetResult(_opened);
        _waiting = null;
        if (frame.Recovered == false)
            TellMissed(before, position, MissedReason.Lost);
    }

    /// <summary>Whether a message that has a place in the inbox is handed out; what it skips is told.</summary>
    public bool IsNext(Position place)
    {
        var before = Position;
        var isNext = before is not { } known || (known.Epoch == place.Epoch && place.Sequence == known.Sequence + 1);
        // Before the answer it comes to this connection as to one that has not asked: what does not follow comes again after the answer.
        if (!isNext && (!IsOpen || (before!.Value.Epoch == place.Epoch && place.Sequence <= before.Value.Sequence)))
            return false;
        if (!isNext)
            TellMissed(before, place with { Sequence = place.Sequence - 1 }, MissedReason.Lost);
        // Without a position the inbox begins with the answer; what comes before that is no part of it yet.
        if (before is not null)
            Position = place;
        return true;
    }

    public void Dropped(scoped in ServerFrame frame)
    {
        var before = Position;
        var last = new Position(session.Texts.Get(frame.Epoch), frame.LastLost);
        if (!IsOpen || (before is { } known && known.Epoch == last.Epoch && last.Sequence <= known.Sequence))
            return;
        Position = last;
        TellMissed(before, last, MissedReason.SlowConnection);
    }

    public void Fail(RealtimeException error)
    {
        _waiting?.Fail(error);
        _waiting = null;
    }

    private void TellMissed(Position? since, Position position, MissedReason reason) =>
        session.TellDirect(new DirectMissed { Since = since, Position = position, Reason = reason }, 64);
}
