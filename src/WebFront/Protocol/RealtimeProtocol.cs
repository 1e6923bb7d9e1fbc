using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Access;
using Realtime.WebFront.Calls;
using Realtime.WebFront.Http;
using Realtime.WebFront.Limiting;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Security;
using Realtime.WebFront.Tokens;
using Realtime.WebFront.Users;
using static Realtime.WebFront.Protocol.FrameRules;

namespace Realtime.WebFront.Protocol;

/// <summary>
/// The protocol <c>realtime.json.v1</c>: one JSON object per text frame. Decodes what clients send and hands it to
/// rooms and users; answers come when those have answered, and the socket is read on meanwhile.
/// </summary>
internal sealed partial class RealtimeProtocol(
    GrainCalls calls, LocalRooms rooms, LocalUsers users, AccessService access, TokenExpiry expiry, TokenRefresh refresh,
    CallService methods, ClientCalls clients, ServerJoins joins, CommandLimits limits, Revocations revocations, KeyWatch keys, SecurityEvents events, IOptions<FrontOptions> options, TimeProvider time, ILogger<RealtimeProtocol> logger)
    : ConnectionHandler
{
    /// <summary>The WebSocket subprotocol's name.</summary>
    public const string Name = "realtime.json.v1";

    private static readonly Refusal s_notJoined = new(ErrorCodes.NotJoined, "This connection is not in the room; join it first.");
    private readonly FrontOptions _options = options.Value;

    /// <summary>Rooms and users are called and not waited for.</summary>
    public override bool NeverBlocks => true;

    public override async ValueTask OnConnected(Connection connection)
    {
        // The endpoint authenticates every connection.
        var user = connection.UserId ?? throw new InvalidOperationException("A connection of the protocol needs a user id.");
        if (Names.Problem(user, "user") is not null)
        {
            // The policy that comes with the front asks this, another of the host's own may not.
            _ = connection.CloseAsync(CloseCodes.PolicyViolation, "the user id is not a name that is allowed");
            return;
        }
        var session = new Session(connection, user, clients) { IsStream = connection.State is EventStreams, Posted = connection.State as PostedSession };
        connection.State = session;
        session.Posted?.Attach(connection);
        events.Connected(connection);
        expiry.Watch(session);
        revocations.Check(connection);
        keys.Check(connection);
        await users.Attach(session);
        await joins.JoinNamed(session);
    }

    /// <summary>Who says goodbye behind a command has its answer first.</summary>
    public override ValueTask OnInputEnded(Connection connection) => connection.State is Session session ? new(session.Answered()) : default;

    public override async ValueTask OnClosed(Connection connection, ushort code, string reason)
    {
        events.Closed(connection, code, reason);
        if (connection.State is not Session session)
            return;
        foreach (var membership in session.Close())
            Then(membership, () => Leave(session, membership));
        expiry.Unwatch(session);
        await users.Detach(session);
    }

    public override ValueTask OnMessage(Connection connection, Message message)
    {
        if (message.Type != MessageType.Text)
        {
            _ = connection.CloseAsync(CloseCodes.UnsupportedData, $"{Name} is text frames only");
            return ValueTask.CompletedTask;
        }
        var session = Session.Of(connection);
        return limits.IsOver(session, CommandKind.Any, 0, out var excess)
            ? Limit(session, message, excess, new ClientFrame(), isCounted: false)
            : Read(session, message);
    }

    private ValueTask Read(Session session, Message message)
    {
        var frame = new ClientFrame();
        if (frame.Read(message.Data.Span, session.Memberships) is { } refusal)
            return Refuse(session, frame, refusal);
        if (limits.IsOver(session, frame.Kind, frame.ContentSize + frame.DataSize, out var excess))
            return Limit(session, message, excess, frame, isCounted: true);
        return frame.Type switch
        {
            ClientFrameType.Message when frame.To is not null => SendDirect(session, frame),
            ClientFrameType.Message => Publish(session, frame),
            ClientFrameType.Join => Join(session, frame),
            ClientFrameType.Leave => Leave(session, frame),
            ClientFrameType.Update => Update(session, frame),
            ClientFrameType.Members => Members(session, frame),
            ClientFrameType.History => History(session, frame),
            ClientFrameType.Inbox => Inbox(session, frame),
            ClientFrameType.Ping => Ping(session, frame),
            ClientFrameType.Refresh => Refresh(session, frame),
            ClientFrameType.Call or ClientFrameType.Result or ClientFrameType.Error => Call(session, frame),
            ClientFrameType.None => Refuse(session, frame, ErrorCodes.BadRequest,
                $"'type' is missing; it must be {FrameCatalog.ClientTypes}."),
            _ => Refuse(session, frame, ErrorCodes.UnknownType,
                $"The type '{Shorten(frame.TypeName!)}' is not known; it must be {FrameCatalog.ClientTypes}."),
        };
    }

    private ValueTask Join(Session session, in ClientFrame frame)
    {
        if ((RoomProblem(frame) ?? PositionProblem(frame) ?? LastProblem(frame) ?? PresenceProblem(frame.Presence) ?? ShownProblem(frame, _options.MaxPresenceBytes)) is { } refusal)
            return Refuse(session, frame, refusal);
        var name = frame.Room!;
        if (session.MembershipIn(name) is { } existing)
            return JoinAgain(session, frame, existing);
        if (session.Memberships.Length >= _options.MaxRoomsPerConnection)
            return RefuseRooms(session, frame);
        if (revocations.IsBlockedIn(name, session.User))
            return Refuse(session, frame, access.Refuse(RoomOperation.Join, default));
        var isDecided = access.TryDecideJoin(session.Subject, name, out var answer);
        if (isDecided && !answer.Allowed.HasFlag(RoomOperation.Join))
            return Refuse(session, frame, access.Refuse(RoomOperation.Join, answer));
        var command = CommandOf(session, frame, isHidden: (answer.Allowed & RoomOperation.Presence) == 0);
        var gate = isDecided ? null : new AccessGate();
        var membership = new Membership(rooms.Acquire(name), gate) { Allowed = answer.Allowed, HasEcho = frame.Echo != false, Presence = command.Presence };
        if (session.TryAdd(membership, _options.MaxRoomsPerConnection) is not AddResult.Added and var added)
        {
            membership.Room.Release();
            // The server has put it there, or into others, just now.
            return added == AddResult.IsIn ? Join(session, frame) : added == AddResult.TooMany ? RefuseRooms(session, frame) : ValueTask.CompletedTask;
        }
        if (revocations.IsBlockedIn(name, session.User))
            membership.Room.TakeOut(session, membership); // blocked since: who takes its connections out may not have found this one
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        if (gate is null)
            membership.Room.Submit(session, frame.Id, command, membership);
        else
            _ = Join(session, frame.Id, membership, command, gate);
        return mayGoOn;
    }

    /// <summary>Joins when that has been decided; what the client sends meanwhile follows.</summary>
    private async Task Join(Session session, string? id, Membership membership, JoinCommand command, AccessGate gate)
    {
        gate.Then(() =>
        {
            var isAllowed = gate.Answer.Allowed.HasFlag(RoomOperation.Join);
            if (isAllowed && !session.IsClosed)
            {
                membership.Allowed = gate.Answer.Allowed;
                membership.Room.Submit(session, id, command with { IsHidden = membership.IsHidden }, membership);
                return;
            }
            membership.State = MembershipState.Ended;
            if (session.Remove(membership)) // else the connection is closed, and OnClosed waits here
                membership.Room.Release();
            if (!isAllowed)
                Answer(session, id, membership.Room.Name, access.Refuse(RoomOperation.Join, gate.Answer));
            else
                session.EndCommand();
        });
        await Open(session, async () => gate.Open(await access.DecideJoin(session.Subject, session.Connection.Id, membership.Room.Name)));
    }

    /// <summary>Decides, and lets run what waits for it. A fault costs the connection, and not the process.</summary>
    private async Task Open(Session session, Func<Task> decide)
    {
        try
        {
            await decide();
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogDecisionFailed(session.Connection.Id, exception));
            _ = session.Connection.CloseAsync(CloseCodes.InternalError, "internal error");
        }
    }

    /// <summary>Runs it when the membership is decided.</summary>
    private static void Then(Membership membership, Action action)
    {
        if (membership.Gate is { } gate)
            gate.Then(action);
        else
            action();
    }

    /// <summary>Of a closed connection.</summary>
    private static void Leave(Session session, Membership membership)
    {
        if (membership.State == MembershipState.Ended)
            membership.Room.Release();
        else if (!membership.Room.TryLeaveAtRest())
            membership.Room.Submit(session, null, new LeaveCommand(session.Connection.Id));
    }

    /// <summary>Answers a command that has been counted.</summary>
    private void Answer(Session session, string? id, string? room, Refusal refusal, string? to = null)
    {
        events.Recent.Failed(session.Connection, refusal.Code, refusal.Reason);
        _ = Refuse(session, ServerFrames.Error(id, room, refusal.Code, refusal.Reason, to));
        session.EndCommand();
    }

    private ValueTask Leave(Session session, in ClientFrame frame)
    {
        if (MembershipProblem(session, frame, out var membership) is { } refusal)
            return Refuse(session, frame, refusal);
        lock (session) // what the server does with the membership comes before or after it
        {
            if (!membership.IsIn)
                return Refuse(session, frame, s_notJoined);
            membership.State = MembershipState.Leaving;
        }
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        var id = frame.Id;
        Then(membership, () =>
        {
            if (membership.State == MembershipState.Ended)
                Answer(session, id, membership.Room.Name, s_notJoined);
            else
                membership.Room.Submit(session, id, new LeaveCommand(session.Connection.Id), membership);
        });
        return mayGoOn;
    }

    private ValueTask Members(Session session, in ClientFrame frame)
    {
        var limit = frame.Limit ?? _options.MembersPageSize;
        if ((RoomProblem(frame) ?? LimitProblem(limit, Limits.PageSize) ?? AfterProblem(frame)) is { } refusal)
            return Refuse(session, frame, refusal);
        var (id, room, after) = (frame.Id, frame.Room!, frame.After);
        var follows = session.MembershipIn(room) is { Presence: PresenceMode.Members };
        return Read(session, RoomOperation.Members, id, room,
            () => follows ? calls.Room(room).MembersAsTold(after, (int)limit) : calls.Room(room).Members(after, (int)limit),
            page => ServerFrames.Members(id, room, page, isNumbered: follows));
    }

    private ValueTask History(Session session, in ClientFrame frame)
    {
        var limit = frame.Limit ?? Limits.HistoryPage;
        if ((RoomProblem(frame) ?? LimitProblem(limit, Limits.HistoryPage) ?? BeforeProblem(frame) ?? EpochProblem(frame.Epoch)) is { } refusal)
            return Refuse(session, frame, refusal);
        var (id, room, before, epoch) = (frame.Id, frame.Room!, frame.Before, frame.Epoch);
        return Read(session, RoomOperation.History, id, room, () => calls.Room(room).History(before, (int)limit, epoch),
            page => MessageFrames.History(id, JsonText.Quoted(room), page));
    }

    /// <summary>Asks a room, as a command of the session: members may, others if they are allowed to. The socket is read on meanwhile.</summary>
    private ValueTask Read<T>(Session session, RoomOperation operation, string? id, string room, Func<Task<T>> call, Func<T, Frame?> answer)
    {
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        if (session.MembershipIn(room) is { IsIn: true } membership)
            Then(membership, () => _ = membership.State == MembershipState.Ended ? AsOther() : Answer(session, id, new Target("room", room), call, answer));
        else
            _ = AsOther();
        return mayGoOn;

        async Task AsOther()
        {
            if (!access.TryDecide(session.Subject, operation, room, null, out var decided))
                decided = await access.Decide(session.Subject, session.Connection.Id, operation, room, null);
            if ((decided.Allowed & operation) == 0)
                Answer(session, id, room, access.Refuse(operation, decided));
            else
                await Answer(session, id, new Target("room", room), call, answer);
        }
    }

    /// <summary>Calls a grain, and delivers its answer or why there is none. The command has been counted.</summary>
    private async Task Answer<T>(Session session, string? id, Target target, Func<Task<T>> call, Func<T, Frame?> answer)
    {
        try
        {
            if (answer(await calls.Call(call)) is { } frame)
                session.Connection.Deliver(frame);
        }
        catch (Exception exception)
        {
            var (code, reason) = (CodeOf(exception), ReasonOf(exception));
            events.Recent.Failed(session.Connection, code, reason);
            session.Connection.Deliver(ServerFrames.Error(id, target.Room, code, reason));
        }
        finally
        {
            session.EndCommand();
        }

        string CodeOf(Exception exception) => exception switch
        {
            RequestException refused => refused.Code,
            RoomException refused => refused.Code,
            _ => ErrorCodes.Unavailable,
        };

        string ReasonOf(Exception exception)
        {
            if (exception is RequestException or RoomException)
                return exception.Message;
            LogFailed(target.Kind, target.Name, exception);
            return $"The {target.Kind} could not be reached; try again.";
        }
    }

    private ValueTask Ping(Session session, in ClientFrame frame)
    {
        session.Connection.Deliver(ServerFrames.Pong(frame.Id, time.GetUtcNow().ToUnixTimeMilliseconds(), session.Connection.Id));
        return ValueTask.CompletedTask;
    }

    private ValueTask Refresh(Session session, in ClientFrame frame) =>
        refresh.Begin(session, frame.Id, frame.Token, out var mayGoOn) is { } refusal ? Refuse(session, frame, refusal) : mayGoOn;

    /// <summary>Finds the membership in the frame's room. One on the way in may be used, since a room takes commands in order.</summary>
    private static Refusal? MembershipProblem(Session session, in ClientFrame frame, out Membership membership)
    {
        membership = null!;
        if (RoomProblem(frame) is { } problem)
            return problem;
        if (session.MembershipIn(frame.Room!) is not { IsIn: true } found)
            return s_notJoined;
        membership = found;
        return null;
    }

    private void LogFailed(string kind, string name, Exception exception) => SafeLog.Write(() => LogCallFailed(kind, name, exception));

    [LoggerMessage(3, LogLevel.Error, "What connection {Connection} waited for could not be carried out once it was decided; it is closed.")]
    private partial void LogDecisionFailed(string connection, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "The {Kind} {Name} did not answer a call.")]
    private partial void LogCallFailed(string kind, string name, Exception exception);

    /// <summary>What a call goes to.</summary>
    private readonly record struct Target(string Kind, string Name)
    {
        /// <summary>For the answer; null when it is no room.</summary>
        public string? Room => Kind == "room" ? Name : null;
    }
}
