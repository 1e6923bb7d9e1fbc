using System.Text.Json;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Limiting;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Protocol;

/// <summary>
/// Writes the frames of a server but for those of messages (<see cref="MessageFrames"/>). <see cref="FrameCatalog"/> has all forms.
/// Absent fields are absent, never null.
/// </summary>
internal static class ServerFrames
{
    private static readonly JsonWriterOptions s_options = new() { Encoder = JsonText.Encoder, SkipValidation = true };

    [ThreadStatic]
    private static Utf8JsonWriter? t_writer;

    /// <summary>
    /// The answer to a join; without an id, news for a member: something is lost, and this is where the room goes on, or the server has put the
    /// connection there.
    /// </summary>
    public static Frame Joined(string? id, LocalRoom room, Position position, bool? recovered, int members, int? last = null, MembersPage? page = null, bool byServer = false)
    {
        var (frame, json) = Begin("joined"u8, id);
        json.WriteRoom(room);
        json.WriteString("epoch"u8, position.Epoch);
        json.WriteNumber("seq"u8, position.Sequence);
        if (recovered is { } value)
            json.WriteBoolean("recovered"u8, value);
        if (last is { } count)
            json.WriteNumber("last"u8, count);
        json.WriteNumber("members"u8, members);
        if (byServer)
            json.WriteString("by"u8, "server"u8);
        if (page is not null)
        {
            json.WriteNumber("order"u8, page.Order);
            page.WriteTo(json);
        }
        return End(frame, json);
    }

    /// <summary>The answer to a connection that asks for its user's inbox; without an id, that messages are lost, and where it goes on.</summary>
    public static Frame Inbox(string? id, Position position, bool? recovered)
    {
        var (frame, json) = Begin("inbox"u8, id);
        json.WriteString("epoch"u8, position.Epoch);
        json.WriteNumber("seq"u8, position.Sequence);
        if (recovered is { } value)
            json.WriteBoolean("recovered"u8, value);
        return End(frame, json);
    }

    /// <summary>The connection is out of the room, because it asked to or because the server has taken it out.</summary>
    public static Frame Left(string? id, LocalRoom room, bool byServer = false)
    {
        var (frame, json) = Begin("left"u8, id);
        json.WriteRoom(room);
        if (byServer)
            json.WriteString("by"u8, "server"u8);
        return End(frame, json);
    }

    public static Frame DirectAck(string id, string to, DirectReceipt receipt)
    {
        var (frame, json) = Begin("ack"u8, id);
        json.WriteString("to"u8, to);
        json.WriteNumber("connections"u8, receipt.Connections);
        if (receipt.Kept is { } kept)
        {
            json.WriteString("epoch"u8, kept.Epoch);
            json.WriteNumber("seq"u8, kept.Sequence);
        }
        return End(frame, json);
    }

    /// <summary>A page of who is in a room. Without an id, news for who follows that: it is the first page, and replaces what was known.</summary>
    public static Frame Members(string? id, string room, MembersPage page, bool isNumbered)
    {
        var (frame, json) = Begin("members"u8, id);
        json.WriteString("room"u8, room);
        json.WriteNumber("members"u8, page.Total);
        if (isNumbered)
            json.WriteNumber("order"u8, page.Order);
        page.WriteTo(json);
        return End(frame, json);
    }

    /// <summary>The same, of an event that has the page.</summary>
    public static Frame Members(LocalRoom room, FrontEvent page)
    {
        var frame = MessageFrames.Builder;
        frame.BeginText();
        frame.Write("{\"type\":\"members\",\"room\":"u8);
        frame.Write(room.QuotedName);
        frame.Write(",\"members\":"u8);
        frame.WriteNumber(page.Members);
        frame.Write(",\"order\":"u8);
        frame.WriteNumber(page.Order);
        frame.Write(","u8);
        frame.Write(page.Body);
        frame.Write("}"u8);
        frame.End();
        return frame.Build(room.Topic, null, 0);
    }

    /// <summary>What the member shows is what it has written.</summary>
    public static Frame Updated(string id, LocalRoom room)
    {
        var (frame, json) = Begin("updated"u8, id);
        json.WriteRoom(room);
        return End(frame, json);
    }

    /// <summary>The connection's id is for services that leave it out of a message.</summary>
    public static Frame Pong(string? id, long timestamp, string connection)
    {
        var (frame, json) = Begin("pong"u8, id);
        json.WriteNumber("timestamp"u8, timestamp);
        json.WriteString("connection"u8, connection);
        return End(frame, json);
    }

    /// <summary>The connection has a new token.</summary>
    public static Frame Refreshed(string? id, DateTimeOffset? expires)
    {
        var (frame, json) = Begin("refreshed"u8, id);
        if (expires is { } end)
            json.WriteNumber("expires"u8, end.ToUnixTimeMilliseconds());
        return End(frame, json);
    }

    /// <summary>Calls a method of the client.</summary>
    public static Frame Call(string id, string method, ReadOnlySpan<byte> data)
    {
        var (frame, json) = Begin("call"u8, id);
        json.WriteString("method"u8, method);
        json.WriteData(data);
        return End(frame, json);
    }

    /// <summary>What a method that the client has called gives; empty for nothing.</summary>
    public static Frame Result(string id, ReadOnlySpan<byte> data)
    {
        var (frame, json) = Begin("result"u8, id);
        json.WriteData(data);
        return End(frame, json);
    }

    /// <param name="id">Of what it answers.</param>
    /// <param name="room">What it is about, if that is a room.</param>
    /// <param name="code">One of <see cref="ErrorCodes"/>.</param>
    /// <param name="content">What was wrong and what is allowed.</param>
    /// <param name="to">What it is about, if that is a user.</param>
    public static Frame Error(string? id, string? room, string code, string content, string? to = null)
    {
        FrontMetrics.Error(code);
        var (frame, json) = Begin("error"u8, id);
        if (room is not null)
            json.WriteString("room"u8, room);
        if (to is not null)
            json.WriteString("to"u8, to);
        json.WriteString("code"u8, code);
        json.WriteString("content"u8, content);
        return End(frame, json);
    }

    /// <summary>The error of a command that was over a limit and was not carried out.</summary>
    public static Frame Limited(string? id, string? room, string? to, in Excess excess)
    {
        FrontMetrics.Error(ErrorCodes.RateLimited);
        var (frame, json) = Begin("error"u8, id);
        if (room is not null)
            json.WriteString("room"u8, room);
        if (to is not null)
            json.WriteString("to"u8, to);
        json.WriteString("code"u8, ErrorCodes.RateLimited);
        json.WriteString("content"u8, excess.Reason);
        json.WriteNumber("retryAfter"u8, excess.RetryAfter);
        return End(frame, json);
    }

    /// <summary>A user came or went, or what it shows of itself has changed.</summary>
    public static Frame Presence(LocalRoom room, FrontEvent presence, bool isNumbered = false)
    {
        var (frame, json) = Begin(presence.Kind switch { FrontEventKind.Joined => "join"u8, FrontEventKind.Left => "leave"u8, _ => "update"u8 }, null);
        json.WriteRoom(room);
        json.WriteString("from"u8, presence.From);
        json.WriteData(presence.Body);
        if (isNumbered)
            json.WriteNumber("order"u8, presence.Order);
        return End(frame, json, room.Topic);
    }

    /// <summary>How many are in a room.</summary>
    public static Frame Count(LocalRoom room, int members, long? order = null)
    {
        var (frame, json) = Begin("presence"u8, null);
        json.WriteRoom(room);
        json.WriteNumber("members"u8, members);
        if (order is { } number)
            json.WriteNumber("order"u8, number);
        return End(frame, json, room.Topic);
    }

    /// <summary>What a slow client does not get of a room.</summary>
    /// <param name="quotedRoom">The room's name as JSON text.</param>
    /// <param name="missing">What was dropped.</param>
    public static Frame Dropped(ReadOnlySpan<byte> quotedRoom, in MissingMessages missing)
    {
        var (frame, json) = Begin("dropped"u8, null);
        json.WritePropertyName("room"u8);
        json.WriteRawValue(quotedRoom, skipInputValidation: true);
        if (missing.Epoch is not null)
        {
            json.WriteString("epoch"u8, missing.Epoch);
            json.WriteNumber("from"u8, missing.From);
            json.WriteNumber("to"u8, missing.To);
        }
        if (missing.Unnumbered)
            json.WriteBoolean("presence"u8, true);
        return End(frame, json);
    }

    /// <summary>What a slow client does not get of its user's inbox.</summary>
    public static Frame InboxDropped(in MissingMessages missing)
    {
        var (frame, json) = Begin("dropped"u8, null);
        json.WriteBoolean("inbox"u8, true);
        json.WriteString("epoch"u8, missing.Epoch);
        json.WriteNumber("from"u8, missing.From);
        json.WriteNumber("to"u8, missing.To);
        return End(frame, json);
    }

    /// <summary>A slow client does not get some direct messages of a sender; null for services that gave none.</summary>
    public static Frame DirectDropped(string? sender, bool isService)
    {
        var (frame, json) = Begin("dropped"u8, null);
        json.WriteBoolean("direct"u8, true);
        if (sender is not null)
            json.WriteString("sender"u8, sender);
        if (isService)
            json.WriteBoolean("service"u8, true);
        return End(frame, json);
    }

    private static (FrameBuilder Frame, Utf8JsonWriter Json) Begin(ReadOnlySpan<byte> type, string? id)
    {
        var frame = MessageFrames.Builder;
        frame.BeginText();
        if (t_writer is { } json)
            json.Reset(frame);
        else
            json = t_writer = new Utf8JsonWriter(frame, s_options);
        json.WriteStartObject();
        json.WriteString("type"u8, type);
        if (id is not null)
            json.WriteString("id"u8, id);
        return (frame, json);
    }

    private static void WriteRoom(this Utf8JsonWriter json, LocalRoom room)
    {
        json.WritePropertyName("room"u8);
        json.WriteRawValue(room.QuotedName, skipInputValidation: true);
    }

    private static void WriteData(this Utf8JsonWriter json, ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
            return;
        json.WritePropertyName("data"u8);
        json.WriteRawValue(data, skipInputValidation: true);
    }

    private static Frame End(FrameBuilder frame, Utf8JsonWriter json, FrameTopic? topic = null, string? epoch = null, long sequence = 0)
    {
        json.WriteEndObject();
        json.Flush();
        frame.End();
        return frame.Build(topic, epoch, sequence);
    }
}
