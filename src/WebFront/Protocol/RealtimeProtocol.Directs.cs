using Realtime.Grains;
using Realtime.WebFront.Access;
using Realtime.WebFront.Rooms;
using static Realtime.WebFront.Protocol.FrameRules;

namespace Realtime.WebFront.Protocol;

/// <summary>Messages to users, and the inbox of the connection's own user.</summary>
internal sealed partial class RealtimeProtocol
{
    private ValueTask SendDirect(Session session, in ClientFrame frame)
    {
        if (frame.Room is not null)
            return Refuse(session, frame, ErrorCodes.BadRequest, "A message goes to a 'room' or, with 'to', to a user; not both.");
        if ((NameProblem(frame.To!, "user") ?? DirectProblem(frame) ?? BodyProblem(frame, _options.MaxContentBytes)) is { } refusal)
            return Refuse(session, frame, refusal);
        var (id, to) = (frame.Id, frame.To!);
        // With an id of its own, a call that is repeated because a silo died is still one message in an inbox.
        var message = new DirectMessage { User = to, From = session.User, Id = id ?? Guid.NewGuid().ToString("N"), Body = frame.CopyBody() };
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        if (access.TryDecide(session.Subject, RoomOperation.Direct, null, to, out var answer))
        {
            End(answer);
            return mayGoOn;
        }
        var gate = session.Directs.GateTo(to, out var isNew);
        gate.Then(() => End(gate.Answer));
        if (isNew)
            _ = Open(session, async () => session.Directs.Decide(to, gate, await access.Decide(session.Subject, session.Connection.Id, RoomOperation.Direct, null, to)));
        return mayGoOn;

        // A wait counts as the call does, so that what is sent while users are out of reach is answered as early as a single message is.
        async Task<DirectReceipt> SendAfter(Task last)
        {
            await last.WaitAsync(_options.CallTimeout, time);
            return await users.Send(message);
        }

        void End(AccessAnswer decided)
        {
            if ((decided.Allowed & RoomOperation.Direct) == 0)
                Answer(session, id, null, access.Refuse(RoomOperation.Direct, decided), to);
            else
                _ = session.SendInOrder(last => Answer(session, id, new Target("user", to), () => SendAfter(last),
                    receipt => id is null ? null : ServerFrames.DirectAck(id, to, receipt)));
        }
    }

    /// <summary>A connection asks for its user's inbox. Nobody else's can be named, so nobody is asked for leave.</summary>
    private ValueTask Inbox(Session session, in ClientFrame frame)
    {
        if (PositionProblem(frame) is { } refusal)
            return Refuse(session, frame, refusal);
        if (session.Inbox is not null)
            return Refuse(session, frame, ErrorCodes.AlreadyJoined, "This connection has asked for the inbox already.");
        var membership = new Membership(rooms.Acquire(InboxKey.Of(session.User)));
        session.AddInbox(membership);
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        var since = frame.Epoch is null ? default(Position?) : new Position(frame.Epoch, frame.Sequence!.Value);
        var command = new JoinCommand(session.User, session.Connection.Id, since) { MaxBytes = _options.MaxResumeBytes, IsHidden = true };
        membership.Room.Submit(session, frame.Id, command, membership);
        return mayGoOn;
    }
}
