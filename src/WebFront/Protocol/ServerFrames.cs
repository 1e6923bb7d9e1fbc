using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Protocol;

/// <summary>Writes what a server says. Absent fields are absent, never null.</summary>
internal static class ServerFrames
{
    [ThreadStatic]
    private static FrameBuilder? t_builder;

    /// <summary>
    /// The thread's own builder, empty. A frame is built before anything else can run on the thread, so one is enough,
    /// and neither rooms nor connections have to keep buffers.
    /// </summary>
    public static FrameBuilder Builder => t_builder ??= new FrameBuilder();

    public static Frame Joined(string? id, LocalRoom room, JoinedReply reply) =>
        Joined(id, room, reply.Position, reply.Recovered, reply.Members);

    /// <summary>The answer to a join; without an id, news for a member: something is lost, and this is where the room goes on.</summary>
    public static Frame Joined(string? id, LocalRoom room, Position position, bool? recovered, int members)
    {
        var frame = Begin("joined"u8, id);
        frame.Write(",\"room\":"u8);
        frame.Write(room.QuotedName);
        frame.WritePosition(position.Epoch, position.Sequence);
        if (recovered is { } value)
            frame.Write(value ? ",\"recovered\":true"u8 : ",\"recovered\":false"u8);
        frame.Write(",\"members\":"u8);
        frame.WriteNumber(members);
        return End(frame);
    }

    public static Frame Left(string? id, LocalRoom room)
    {
        var frame = Begin("left"u8, id);
        frame.Write(",\"room\":"u8);
        frame.Write(room.QuotedName);
        return End(frame);
    }

    public static Frame Ack(string id, LocalRoom room, Receipt receipt)
    {
        var frame = Begin("ack"u8, id);
        frame.Write(",\"room\":"u8);
        frame.Write(room.QuotedName);
        frame.WritePosition(receipt.Epoch, receipt.Sequence);
        return End(frame);
    }

    public static Frame DirectAck(string id, string to, int connections)
    {
        var frame = Begin("ack"u8, id);
        frame.Write(",\"to\":"u8);
        frame.WriteString(to);
        frame.Write(",\"connections\":"u8);
        frame.WriteNumber(connections);
        return End(frame);
    }

    public static Frame Members(string? id, string room, MembersPage page)
    {
        var frame = Begin("members"u8, id);
        frame.Write(",\"room\":"u8);
        frame.WriteString(room);
        frame.Write(",\"members\":"u8);
        frame.WriteNumber(page.Total);
        frame.Write(",\"users\":["u8);
        for (var i = 0; i < page.Users.Length; i++)
        {
            if (i > 0)
                frame.Write(","u8);
            frame.WriteString(page.Users[i]);
        }
        frame.Write("]"u8);
        if (page.Next is not null)
        {
            frame.Write(",\"next\":"u8);
            frame.WriteString(page.Next);
        }
        return End(frame);
    }

    public static Frame Pong(string? id, long timestamp)
    {
        var frame = Begin("pong"u8, id);
        frame.Write(",\"timestamp\":"u8);
        frame.WriteNumber(timestamp);
        return End(frame);
    }

    public static Frame Error(string? id, string? room, string code, string content)
    {
        var frame = Begin("error"u8, id);
        if (room is not null)
        {
            frame.Write(",\"room\":"u8);
            frame.WriteString(room);
        }
        frame.Write(",\"code\":"u8);
        frame.WriteString(code);
        frame.Write(",\"content\":"u8);
        frame.WriteString(content);
        return End(frame);
    }

    /// <summary>A message of a room, added to a frame of several.</summary>
    public static void AddMessage(this FrameBuilder frame, LocalRoom room, FrontEvent message)
    {
        if (message.Kind == FrontEventKind.Binary)
            frame.BeginBinary();
        else
            frame.BeginText();
        if (message.Kind == FrontEventKind.Message)
            frame.WriteMessage(room, message.From is { } from ? room.Quoted(from) : null, message);
        else
            frame.Write(message.Body);
        frame.End();
    }

    /// <summary>How a room's message begins.</summary>
    public static ReadOnlySpan<byte> MessageStart => "{\"type\":\"message\",\"room\":"u8;

    private static void WriteMessage(this FrameBuilder frame, LocalRoom room, byte[]? quotedFrom, FrontEvent message)
    {
        frame.Write(MessageStart);
        frame.Write(room.QuotedName);
        if (quotedFrom is not null)
        {
            frame.Write(",\"from\":"u8);
            frame.Write(quotedFrom);
        }
        frame.Write(","u8);
        frame.Write(message.Body);
        frame.EndMessage(message);
    }

    private static void EndMessage(this FrameBuilder frame, FrontEvent message)
    {
        frame.WritePosition(message.Epoch!, message.Sequence);
        frame.Write(",\"timestamp\":"u8);
        frame.WriteNumber(message.Timestamp);
        frame.Write("}"u8);
    }

    /// <summary>A page of a room's messages, each like its own frame. Unwrapped frames stand there as text and as base64.</summary>
    public static Frame History(string? id, LocalRoom room, HistoryPage page)
    {
        var frame = Begin("history"u8, id);
        frame.Write(",\"room\":"u8);
        frame.Write(room.QuotedName);
        if (page.Epoch.Length > 0)
        {
            frame.Write(",\"epoch\":"u8);
            frame.WriteString(page.Epoch);
        }
        frame.Write(",\"messages\":["u8);
        for (var i = 0; i < page.Messages.Length; i++)
        {
            if (i > 0)
                frame.Write(","u8);
            if (page.Messages[i].Kind == FrontEventKind.Message)
                frame.WriteMessage(room, page.Messages[i].From is { } from ? JsonText.Quoted(from) : null, page.Messages[i]); // not under the room's lock
            else
                frame.WriteUnwrapped(room, page.Messages[i]);
        }
        frame.Write(page.More ? "],\"more\":true"u8 : "],\"more\":false"u8);
        return End(frame);
    }

    private static void WriteUnwrapped(this FrameBuilder frame, LocalRoom room, FrontEvent message)
    {
        var isText = message.Kind == FrontEventKind.Text;
        frame.Write(isText ? "{\"type\":\"text\",\"room\":"u8 : "{\"type\":\"binary\",\"room\":"u8);
        frame.Write(room.QuotedName);
        frame.Write(isText ? ",\"content\":"u8 : ",\"data\":"u8);
        if (isText)
            frame.WriteUtf8String(message.Body);
        else
            frame.WriteString(Convert.ToBase64String(message.Body));
        frame.EndMessage(message);
    }

    /// <summary>A message to a user, or to everyone: then without <c>to</c>.</summary>
    public static Frame Direct(FrontEvent message)
    {
        var frame = Begin("message"u8, null);
        if (message.Target.Length > 0)
        {
            frame.Write(",\"to\":"u8);
            frame.WriteString(message.Target);
        }
        if (message.From is not null)
        {
            frame.Write(",\"from\":"u8);
            frame.WriteString(message.From);
        }
        frame.Write(","u8);
        frame.Write(message.Body);
        frame.Write(",\"timestamp\":"u8);
        frame.WriteNumber(message.Timestamp);
        return End(frame);
    }

    /// <summary>A user came or went.</summary>
    public static Frame Presence(LocalRoom room, FrontEvent presence)
    {
        var frame = Begin(presence.Kind == FrontEventKind.Joined ? "join"u8 : "leave"u8, null);
        frame.Write(",\"room\":"u8);
        frame.Write(room.QuotedName);
        frame.Write(",\"from\":"u8);
        frame.WriteString(presence.From!);
        return End(frame, room.Topic);
    }

    /// <summary>How many are in a large room.</summary>
    public static Frame Count(LocalRoom room, FrontEvent presence)
    {
        var frame = Begin("presence"u8, null);
        frame.Write(",\"room\":"u8);
        frame.Write(room.QuotedName);
        frame.Write(",\"members\":"u8);
        frame.WriteNumber(presence.Members);
        return End(frame, room.Topic);
    }

    /// <summary>What a slow client does not get of a room.</summary>
    public static Frame Dropped(ReadOnlySpan<byte> quotedRoom, in MissingMessages missing)
    {
        var frame = Begin("dropped"u8, null);
        frame.Write(",\"room\":"u8);
        frame.Write(quotedRoom);
        if (missing.Epoch is not null)
        {
            frame.Write(",\"epoch\":"u8);
            frame.WriteString(missing.Epoch);
            frame.Write(",\"from\":"u8);
            frame.WriteNumber(missing.From);
            frame.Write(",\"to\":"u8);
            frame.WriteNumber(missing.To);
        }
        if (missing.Unnumbered)
            frame.Write(",\"presence\":true"u8);
        return End(frame);
    }

    private static FrameBuilder Begin(ReadOnlySpan<byte> type, string? id)
    {
        var frame = Builder;
        frame.BeginText();
        frame.Write("{\"type\":\""u8);
        frame.Write(type);
        frame.Write("\""u8);
        if (id is not null)
        {
            frame.Write(",\"id\":"u8);
            frame.WriteString(id);
        }
        return frame;
    }

    private static Frame End(FrameBuilder frame, FrameTopic? topic = null)
    {
        frame.Write("}"u8);
        frame.End();
        return frame.Build(topic, null, 0);
    }

    private static void WritePosition(this FrameBuilder frame, string epoch, long sequence)
    {
        frame.Write(",\"epoch\":"u8);
        frame.WriteString(epoch);
        frame.Write(",\"seq\":"u8);
        frame.WriteNumber(sequence);
    }
}
