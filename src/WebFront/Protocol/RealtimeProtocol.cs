using System.Globalization;
using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Users;

namespace Realtime.WebFront.Protocol;

/// <summary>
/// The protocol <c>realtime.json.v1</c>: one JSON object per text frame. Decodes what clients send and hands it to
/// rooms and users; answers come when those have answered, and the socket is read on meanwhile.
/// </summary>
internal sealed partial class RealtimeProtocol(
    RoomRouter router, LocalUsers users, TokenExpiry expiry, IOptions<FrontOptions> options, TimeProvider time, ILogger<RealtimeProtocol> logger)
    : ConnectionHandler
{
    /// <summary>The WebSocket subprotocol's name.</summary>
    public const string Name = "realtime.json.v1";

    private readonly FrontOptions _options = options.Value;

    /// <summary>Rooms and users are called and not waited for.</summary>
    public override bool NeverBlocks => true;

    public override async ValueTask OnConnected(Connection connection)
    {
        // The endpoint lets nobody in without a name.
        var user = connection.UserId ?? throw new InvalidOperationException("A connection of the protocol needs a user id.");
        if (Names.Problem(user, "user") is not null)
        {
            // The policy that comes with the front asks this, another of the host's own may not.
            _ = connection.CloseAsync(CloseCodes.PolicyViolation, "the user id is not a name that is allowed");
            return;
        }
        var session = new Session(connection, user);
        connection.State = session;
        expiry.Watch(connection);
        await users.Attach(session);
    }

    public override async ValueTask OnClosed(Connection connection, ushort code, string reason)
    {
        if (connection.State is not Session session)
            return;
        foreach (var membership in session.Close())
            membership.Room.Submit(session, null, new LeaveCommand(connection.Id));
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
        var frame = new ClientFrame();
        if (frame.Read(message.Data.Span, session.Memberships) is { } refusal)
            return Refuse(session, frame, refusal);
        return frame.Type switch
        {
            ClientFrameType.Message when frame.To is not null => SendDirect(session, frame),
            ClientFrameType.Message => Publish(session, frame),
            ClientFrameType.Join => Join(session, frame),
            ClientFrameType.Leave => Leave(session, frame),
            ClientFrameType.Members => Members(session, frame),
            ClientFrameType.History => History(session, frame),
            ClientFrameType.Ping => Ping(session, frame),
            ClientFrameType.None => Refuse(session, frame, ErrorCodes.BadRequest,
                "'type' is missing; it must be join, leave, message, members, history or ping."),
            _ => Refuse(session, frame, ErrorCodes.UnknownType,
                $"The type '{Shorten(frame.TypeName!)}' is not known; it must be join, leave, message, members, history or ping."),
        };
    }

    private static ValueTask Refuse(Session session, in ClientFrame frame, string code, string reason)
    {
        session.Connection.Deliver(ServerFrames.Error(frame.Id, frame.Room is null ? null : Shorten(frame.Room), code, reason));
        return ValueTask.CompletedTask;
    }

    private static ValueTask Refuse(Session session, in ClientFrame frame, Refusal refusal) => Refuse(session, frame, refusal.Code, refusal.Reason);

    private ValueTask Join(Session session, in ClientFrame frame)
    {
        if ((RoomProblem(frame) ?? PositionProblem(frame)) is { } refusal)
            return Refuse(session, frame, refusal);
        var name = frame.Room!;
        if (session.MembershipIn(name) is not null)
            return Refuse(session, frame, ErrorCodes.AlreadyJoined, "This connection is in the room already.");
        if (session.Memberships.Length >= _options.MaxRoomsPerConnection)
            return Refuse(session, frame, ErrorCodes.TooManyRooms, $"A connection may be in {_options.MaxRoomsPerConnection} rooms; leave one first.");
        Position? since = frame.Epoch is null ? null : new Position(frame.Epoch, frame.Sequence!.Value);
        var room = router.Acquire(name);
        var membership = new Membership(room);
        session.Add(membership);
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        room.Submit(session, frame.Id, new JoinCommand(session.User, session.Connection.Id, since), membership);
        return mayGoOn;
    }

    private ValueTask Leave(Session session, in ClientFrame frame)
    {
        if (RoomProblem(frame) is { } refusal)
            return Refuse(session, frame, refusal);
        if (MembershipOf(session, frame) is not { } membership)
            return RefuseNotJoined(session, frame);
        membership.State = MembershipState.Leaving;
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        membership.Room.Submit(session, frame.Id, new LeaveCommand(session.Connection.Id), membership);
        return mayGoOn;
    }

    private ValueTask Publish(Session session, in ClientFrame frame)
    {
        if (RoomProblem(frame) is { } refusal)
            return Refuse(session, frame, refusal);
        if (MembershipOf(session, frame) is not { } membership)
            return RefuseNotJoined(session, frame);
        if (BodyProblem(frame) is { } problem)
            return Refuse(session, frame, problem);
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        membership.Room.Submit(session, frame.Id, new PublishCommand(session.User, frame.Id, frame.CopyBody()));
        return mayGoOn;
    }

    private ValueTask SendDirect(Session session, in ClientFrame frame)
    {
        if (frame.Room is not null)
            return Refuse(session, frame, ErrorCodes.BadRequest, "A message goes to a 'room' or, with 'to', to a user; not both.");
        if ((NameProblem(frame.To!, "user") ?? BodyProblem(frame)) is { } refusal)
            return Refuse(session, frame, refusal);
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        _ = SendDirect(session, frame.Id, frame.To!, frame.CopyBody());
        return mayGoOn;
    }

    private async Task SendDirect(Session session, string? id, string to, byte[] body)
    {
        try
        {
            var connections = await users.Deliver(to, session.User, body);
            if (id is not null)
                session.Connection.Deliver(ServerFrames.DirectAck(id, to, connections));
        }
        catch (RequestException refused)
        {
            session.Connection.Deliver(ServerFrames.Error(id, null, refused.Code, refused.Message));
        }
        catch (Exception exception)
        {
            LogDirectFailed(to, exception);
            session.Connection.Deliver(ServerFrames.Error(id, null, ErrorCodes.Unavailable, "The user could not be reached; try again."));
        }
        finally
        {
            session.EndCommand();
        }
    }

    private ValueTask Members(Session session, in ClientFrame frame)
    {
        if (RoomProblem(frame) is { } refusal)
            return Refuse(session, frame, refusal);
        var limit = frame.Limit ?? _options.MembersPageSize;
        if (limit is < 1 or > Limits.PageSize)
            return Refuse(session, frame, ErrorCodes.BadRequest, $"'limit' is {limit}; it must be from 1 to {Limits.PageSize}.");
        if (!string.IsNullOrEmpty(frame.After) && NameProblem(frame.After, "'after'") is { } problem)
            return Refuse(session, frame, problem);
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        _ = Members(session, frame.Id, frame.Room!, frame.After, (int)limit);
        return mayGoOn;
    }

    private async Task Members(Session session, string? id, string room, string? after, int limit)
    {
        try
        {
            var page = await router.Call(() => router.Grain(room).Members(after, limit));
            session.Connection.Deliver(ServerFrames.Members(id, room, page));
        }
        catch (Exception exception)
        {
            router.LogCallFailed(room, 1, exception);
            session.Connection.Deliver(ServerFrames.Error(id, room, ErrorCodes.Unavailable, "The room could not be reached; try again."));
        }
        finally
        {
            session.EndCommand();
        }
    }

    private ValueTask History(Session session, in ClientFrame frame)
    {
        if (RoomProblem(frame) is { } refusal)
            return Refuse(session, frame, refusal);
        if (MembershipOf(session, frame) is not { } membership)
            return RefuseNotJoined(session, frame);
        var limit = frame.Limit ?? Limits.HistoryPage;
        if (limit is < 1 or > Limits.HistoryPage)
            return Refuse(session, frame, ErrorCodes.BadRequest, $"'limit' is {limit}; it must be from 1 to {Limits.HistoryPage}.");
        if (frame.Before is < 1)
            return Refuse(session, frame, ErrorCodes.BadRequest, $"'before' is {frame.Before}; it must be 1 or more.");
        if (EpochProblem(frame.Epoch) is { } problem)
            return Refuse(session, frame, problem);
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        _ = History(session, frame.Id, membership.Room, frame.Before, (int)limit, frame.Epoch);
        return mayGoOn;
    }

    private async Task History(Session session, string? id, LocalRoom room, long? before, int limit, string? epoch)
    {
        try
        {
            var page = await router.Call(() => router.Grain(room.Name).History(before, limit, epoch));
            session.Connection.Deliver(ServerFrames.History(id, room, page));
        }
        catch (RoomException refused)
        {
            session.Connection.Deliver(ServerFrames.Error(id, room.Name, refused.Code, refused.Message));
        }
        catch (Exception exception)
        {
            router.LogCallFailed(room.Name, 1, exception);
            session.Connection.Deliver(ServerFrames.Error(id, room.Name, ErrorCodes.Unavailable, "The room could not be reached; try again."));
        }
        finally
        {
            session.EndCommand();
        }
    }

    private ValueTask Ping(Session session, in ClientFrame frame)
    {
        session.Connection.Deliver(ServerFrames.Pong(frame.Id, time.GetUtcNow().ToUnixTimeMilliseconds()));
        return ValueTask.CompletedTask;
    }

    private static Refusal? RoomProblem(in ClientFrame frame) => string.IsNullOrEmpty(frame.Room)
        ? new Refusal(ErrorCodes.RoomMissing, "'room' is missing; it must name a room.")
        : NameProblem(frame.Room, "room");

    /// <summary>A membership that may be used: on the way in is good enough, since a room takes commands in order.</summary>
    private static Membership? MembershipOf(Session session, in ClientFrame frame) =>
        session.MembershipIn(frame.Room!) is { State: not MembershipState.Leaving } membership ? membership : null;

    private static ValueTask RefuseNotJoined(Session session, in ClientFrame frame) =>
        Refuse(session, frame, ErrorCodes.NotJoined, "This connection is not in the room; join it first.");

    private static Refusal? PositionProblem(in ClientFrame frame)
    {
        if (frame.Epoch is null != frame.Sequence is null)
            return Refusal.BadRequest("A position is 'epoch' and 'seq' together.");
        if (frame.Sequence < 0)
            return Refusal.BadRequest(string.Create(CultureInfo.InvariantCulture, $"'seq' is {frame.Sequence}; it must be 0 or more."));
        return EpochProblem(frame.Epoch);
    }

    private static Refusal? EpochProblem(string? epoch) => epoch?.Length is 0 or > Limits.IdBytes
        ? Refusal.BadRequest($"'epoch' must have 1 to {Limits.IdBytes} characters.")
        : null;

    private Refusal? BodyProblem(in ClientFrame frame)
    {
        if (!frame.HasBody)
            return Refusal.BadRequest("A message needs 'content' or 'data'.");
        if (frame.ContentSize > _options.MaxContentBytes)
            return TooLong("content", frame.ContentSize);
        return frame.DataSize > _options.MaxContentBytes ? TooLong("data", frame.DataSize) : null;

        Refusal TooLong(string field, int size) =>
            new(ErrorCodes.ContentTooLong, $"'{field}' has {size} bytes; it may have {_options.MaxContentBytes}.");
    }

    private static Refusal? NameProblem(string name, string what) =>
        Names.Problem(name, what) is { } problem ? new Refusal(ErrorCodes.NameInvalid, problem) : null;

    /// <summary>What a client sent and gets back in an error is cut, so that an error is never large; no name that is allowed is that long.</summary>
    private static string Shorten(string value)
    {
        const int longest = Limits.NameBytes; // characters, each a byte at least
        if (value.Length <= longest)
            return value;
        var cut = char.IsHighSurrogate(value[longest - 1]) ? longest - 1 : longest;
        return string.Concat(value.AsSpan(0, cut), "...");
    }

    [LoggerMessage(2, LogLevel.Warning, "A message to user {User} could not be sent.")]
    private partial void LogDirectFailed(string user, Exception exception);
}
