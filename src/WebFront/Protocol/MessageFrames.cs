using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Protocol;

/// <summary>
/// Writes the frames that carry or acknowledge messages: by hand, as they are most of what a front sends, and <c>content</c> and
/// <c>data</c> go into them as the JSON text that they came as. <see cref="ServerFrames"/> writes the others.
/// </summary>
internal static class MessageFrames
{
    [ThreadStatic]
    private static FrameBuilder? t_builder;

    /// <summary>
    /// The thread's own builder, empty. A frame is built before anything else can run on the thread, so one is enough,
    /// and neither rooms nor connections have to keep buffers.
    /// </summary>
    public static FrameBuilder Builder
    {
        get
        {
            var builder = t_builder ??= new FrameBuilder();
            builder.Reset(); // of a frame that a fault has cut off
            return builder;
        }
    }

    /// <summary>How a room's message begins.</summary>
    public static ReadOnlySpan<byte> MessageStart => "{\"type\":\"message\",\"room\":"u8;

    /// <summary>How the body of a message begins that changes a key of the room's state.</summary>
    private static ReadOnlySpan<byte> KeyStart => "\"key\":"u8;

    /// <summary>A message of a room, added to a frame of several.</summary>
    public static void AddMessage(this FrameBuilder frame, LocalRoom room, FrontEvent message)
    {
        if (message.Kind == FrontEventKind.Binary)
            frame.BeginBinary();
        else
            frame.BeginText();
        if (message.Kind == FrontEventKind.Message)
            frame.WriteMessage(room.QuotedName, message.From is { } from ? room.Quoted(from) : null, message);
        else
            frame.Write(message.Body);
        frame.End();
    }

    /// <summary>
    /// In the place of a message that a service has left the connection out of. Of one that changes the room's state it has all, as the
    /// connection's copy of the state would be wrong without.
    /// </summary>
    public static Frame Excluded(LocalRoom room, FrontEvent message)
    {
        var frame = Begin("{\"type\":\"excluded\",\"room\":"u8);
        frame.Write(room.QuotedName);
        if (message.Kind == FrontEventKind.Message && message.Body.AsSpan().StartsWith(KeyStart))
        {
            frame.WriteMembers(message.From is { } from ? room.Quoted(from) : null, message);
            frame.EndMessage(message);
        }
        else
        {
            frame.WritePosition(message.Epoch!, message.Sequence);
            frame.Write("}"u8);
        }
        frame.End();
        return frame.Build(room.Topic, message.Epoch, message.Sequence);
    }

    /// <summary>Ephemeral messages of a room. In a queue each of them is by itself.</summary>
    public static Frame Ephemeral(LocalRoom room, ReadOnlySpan<FrontEvent> messages)
    {
        if (messages.Length == 1)
            return Ephemeral(room, messages[0]);
        var frames = new Frame[messages.Length];
        for (var i = 0; i < frames.Length; i++)
            frames[i] = Ephemeral(room, messages[i]);
        return Frame.Join(frames);
    }

    private static Frame Ephemeral(LocalRoom room, FrontEvent message)
    {
        var frame = Begin(MessageStart);
        frame.Write(room.QuotedName);
        if (message.From is not null)
        {
            frame.Write(",\"from\":"u8);
            frame.Write(room.Quoted(message.From));
        }
        frame.WriteService(message);
        frame.Write(",\"ephemeral\":true"u8);
        if (message.Key is not null)
        {
            frame.Write(",\"key\":"u8);
            frame.WriteString(message.Key);
        }
        frame.Write(","u8);
        frame.Write(message.Body);
        frame.Write(",\"timestamp\":"u8);
        frame.WriteNumber(message.Timestamp);
        frame.Write("}"u8);
        frame.End();
        // No name has a line end. A service is another sender than the user of its name.
        return frame.BuildEphemeral(message.Key is null ? null : $"{room.Name}\n{message.From}\n{(message.IsService ? 's' : 'u')}{message.Key}");
    }

    public static Frame Ack(string id, LocalRoom room, Receipt receipt)
    {
        var frame = Begin("{\"type\":\"ack\",\"id\":"u8);
        frame.WriteString(id);
        frame.Write(",\"room\":"u8);
        frame.Write(room.QuotedName);
        if (receipt.Sequence > 0) // else it was ephemeral
            frame.WritePosition(receipt.Epoch, receipt.Sequence);
        return End(frame);
    }

    /// <summary>A message to a user, or to everyone: then without <c>to</c>. What is in the user's inbox has its position there.</summary>
    public static Frame Direct(FrontEvent message, FrameTopic? topic = null, string? to = null)
    {
        var frame = Builder;
        frame.AddDirect(to ?? message.Target, message);
        return frame.Build(topic, null, 0);
    }

    /// <summary>The same, added to a frame of several.</summary>
    public static void AddDirect(this FrameBuilder frame, string to, FrontEvent message)
    {
        frame.BeginText();
        frame.Write("{\"type\":\"message\""u8);
        if (to.Length > 0)
        {
            frame.Write(",\"to\":"u8);
            frame.WriteString(to);
        }
        if (message.From is not null)
        {
            frame.Write(",\"from\":"u8);
            frame.WriteString(message.From);
        }
        frame.WriteService(message);
        frame.Write(","u8);
        frame.Write(message.Body);
        if (message.Sequence > 0)
            frame.WritePosition(message.Epoch!, message.Sequence);
        frame.Write(",\"timestamp\":"u8);
        frame.WriteNumber(message.Timestamp);
        frame.Write("}"u8);
        frame.End();
    }

    /// <summary>A frame to a user as a service sent it.</summary>
    public static Frame Unwrapped(FrontEvent message, FrameTopic topic)
    {
        var frame = Builder;
        if (message.Kind == FrontEventKind.DirectBinary)
            frame.BeginBinary();
        else
            frame.BeginText();
        frame.Write(message.Body);
        frame.End();
        return frame.Build(topic, null, 0);
    }

    /// <summary>A page of a room's messages, each like its own frame. Unwrapped frames stand there as text and as base64.</summary>
    public static Frame History(string? id, byte[] quotedRoom, HistoryPage page)
    {
        var frame = Begin("{\"type\":\"history\""u8);
        if (id is not null)
        {
            frame.Write(",\"id\":"u8);
            frame.WriteString(id);
        }
        frame.Write(",\"room\":"u8);
        frame.Write(quotedRoom);
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
                frame.WriteMessage(quotedRoom, page.Messages[i].From is { } from ? JsonText.Quoted(from) : null, page.Messages[i]); // not under the room's lock
            else
                frame.WriteUnwrapped(quotedRoom, page.Messages[i]);
        }
        frame.Write(page.More ? "],\"more\":true"u8 : "],\"more\":false"u8);
        return End(frame);
    }

    private static void WriteMessage(this FrameBuilder frame, byte[] quotedRoom, byte[]? quotedFrom, FrontEvent message)
    {
        frame.Write(MessageStart);
        frame.Write(quotedRoom);
        frame.WriteMembers(quotedFrom, message);
        frame.EndMessage(message);
    }

    private static void WriteMembers(this FrameBuilder frame, byte[]? quotedFrom, FrontEvent message)
    {
        if (quotedFrom is not null)
        {
            frame.Write(",\"from\":"u8);
            frame.Write(quotedFrom);
        }
        frame.WriteService(message);
        frame.Write(","u8);
        frame.Write(message.Body);
    }

    private static void WriteService(this FrameBuilder frame, FrontEvent message)
    {
        if (message.IsService)
            frame.Write(",\"service\":true"u8);
    }

    private static void WriteUnwrapped(this FrameBuilder frame, byte[] quotedRoom, FrontEvent message)
    {
        var isText = message.Kind == FrontEventKind.Text;
        frame.Write(isText ? "{\"type\":\"text\",\"room\":"u8 : "{\"type\":\"binary\",\"room\":"u8);
        frame.Write(quotedRoom);
        frame.Write(isText ? ",\"content\":"u8 : ",\"data\":"u8);
        if (isText)
            frame.WriteUtf8String(message.Body);
        else
            frame.WriteString(Convert.ToBase64String(message.Body));
        frame.EndMessage(message);
    }

    private static void EndMessage(this FrameBuilder frame, FrontEvent message)
    {
        frame.WritePosition(message.Epoch!, message.Sequence);
        frame.Write(",\"timestamp\":"u8);
        frame.WriteNumber(message.Timestamp);
        frame.Write("}"u8);
    }

    private static void WritePosition(this FrameBuilder frame, string epoch, long sequence)
    {
        frame.Write(",\"epoch\":"u8);
        frame.WriteString(epoch);
        frame.Write(",\"seq\":"u8);
        frame.WriteNumber(sequence);
    }

    private static FrameBuilder Begin(ReadOnlySpan<byte> start)
    {
        var frame = Builder;
        frame.BeginText();
        frame.Write(start);
        return frame;
    }

    private static Frame End(FrameBuilder frame)
    {
        frame.Write("}"u8);
        frame.End();
        return frame.Build(null, null, 0);
    }
}
