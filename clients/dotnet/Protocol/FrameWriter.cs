using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Realtime.Client.State;

namespace Realtime.Client.Protocol;

/// <summary>Writes the frames of a client. The id comes first: an error about anything behind it can name the request.</summary>
internal static class FrameWriter
{
    [ThreadStatic]
    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Writer)? t_spare;

    public static byte[] Join(string id, string room, Position? position, JoinOptions options, JsonData data) => Write((id, room, position, options, data), static (writer, its) =>
    {
        Begin(writer, its.id, "join");
        writer.WriteString("room"u8, its.room);
        WritePosition(writer, its.position);
        if (its.options.Last is { } last)
            writer.WriteNumber("last"u8, last);
        if (!its.options.Echo)
            writer.WriteBoolean("echo"u8, false);
        if (its.options.State)
            writer.WriteBoolean("state"u8, true);
        if (its.options.Presence != RoomPresence.Names)
            writer.WriteString("presence"u8, its.options.Presence == RoomPresence.Members ? "members"u8 : "count"u8);
        WriteData(writer, its.data);
    });

    public static byte[] Update(string id, string room, JsonData data) => Write((id, room, data), static (writer, its) =>
    {
        Begin(writer, its.id, "update");
        writer.WriteString("room"u8, its.room);
        WriteData(writer, its.data);
    });

    public static byte[] Inbox(string id, Position? position) => Write((id, position), static (writer, its) =>
    {
        Begin(writer, its.id, "inbox");
        WritePosition(writer, its.position);
    });

    public static byte[] Leave(string id, string room) => Write((id, room), static (writer, its) =>
    {
        Begin(writer, its.id, "leave");
        writer.WriteString("room"u8, its.room);
    });

    /// <param name="target">The room, or the user for <paramref name="isDirect"/>.</param>
    public static byte[] Message(string id, string target, bool isDirect, bool? echo, string? content, JsonData data) => Write((id, target, isDirect, echo, content, data), static (writer, its) =>
    {
        Begin(writer, its.id, "message");
        writer.WriteString(its.isDirect ? "to"u8 : "room"u8, its.target);
        if (its.echo is { } echo)
            writer.WriteBoolean("echo"u8, echo);
        if (its.content is not null)
            writer.WriteString("content"u8, its.content);
        WriteData(writer, its.data);
    });

    /// <summary>A message that sets a key of a room's state, or deletes it.</summary>
    public static byte[] Change(string id, string room, bool? echo, StateChange change) => Write((id, room, echo, change), static (writer, its) =>
    {
        Begin(writer, its.id, "message");
        writer.WriteString("room"u8, its.room);
        writer.WriteString("key"u8, its.change.Key);
        if (its.change.IfVersion is { } version)
            writer.WriteNumber("if"u8, version);
        if (its.change.TimeToLive is { } time)
            writer.WriteNumber("ttl"u8, (long)time.TotalMilliseconds);
        if (its.echo is { } echo)
            writer.WriteBoolean("echo"u8, echo);
        if (its.change.Data.IsNone)
            writer.WriteBoolean("deleted"u8, true);
        WriteData(writer, its.change.Data);
    });

    public static byte[] Ephemeral(string id, string room, string? key, bool? echo, string? content, JsonData data) => Write((id, room, key, echo, content, data), static (writer, its) =>
    {
        Begin(writer, its.id, "message");
        writer.WriteString("room"u8, its.room);
        writer.WriteBoolean("ephemeral"u8, true);
        if (its.key is not null)
            writer.WriteString("key"u8, its.key);
        if (its.echo is { } echo)
            writer.WriteBoolean("echo"u8, echo);
        if (its.content is not null)
            writer.WriteString("content"u8, its.content);
        WriteData(writer, its.data);
    });

    public static byte[] Members(string id, string room, string? after, int? limit) => Write((id, room, after, limit), static (writer, its) =>
    {
        Begin(writer, its.id, "members");
        writer.WriteString("room"u8, its.room);
        if (its.after is not null)
            writer.WriteString("after"u8, its.after);
        if (its.limit is { } limit)
            writer.WriteNumber("limit"u8, limit);
    });

    public static byte[] History(string id, string room, long? before, int? limit, string? epoch) => Write((id, room, before, limit, epoch), static (writer, its) =>
    {
        Begin(writer, its.id, "history");
        writer.WriteString("room"u8, its.room);
        if (its.before is { } before)
            writer.WriteNumber("before"u8, before);
        if (its.limit is { } limit)
            writer.WriteNumber("limit"u8, limit);
        if (its.epoch is not null)
            writer.WriteString("epoch"u8, its.epoch);
    });

    public static byte[] Ping(string? id) => Write(id, static (writer, id) => Begin(writer, id, "ping"));

    public static byte[] Refresh(string id, string token) => Write((id, token), static (writer, its) =>
    {
        Begin(writer, its.id, "refresh");
        writer.WriteString("token"u8, its.token);
    });

    public static byte[] Call(string id, string method, JsonData data) => Write((id, method, data), static (writer, its) =>
    {
        Begin(writer, its.id, "call");
        writer.WriteString("method"u8, its.method);
        WriteData(writer, its.data);
    });

    public static byte[] Result(string id, JsonData data) => Write((id, data), static (writer, its) =>
    {
        Begin(writer, its.id, "result");
        WriteData(writer, its.data);
    });

    public static byte[] Error(string id, string code, string content) => Write((id, code, content), static (writer, its) =>
    {
        Begin(writer, its.id, "error");
        writer.WriteString("code"u8, its.code);
        writer.WriteString("content"u8, its.content);
    });

    private static void Begin(Utf8JsonWriter writer, string? id, string type)
    {
        if (id is not null)
            writer.WriteString("id"u8, id);
        writer.WriteString("type"u8, type);
    }

    private static void WritePosition(Utf8JsonWriter writer, Position? position)
    {
        if (position is not { } known)
            return;
        writer.WriteString("epoch"u8, known.Epoch);
        writer.WriteNumber("seq"u8, known.Sequence);
    }

    private static void WriteData(Utf8JsonWriter writer, JsonData data)
    {
        if (data.IsNone)
            return;
        writer.WritePropertyName("data"u8);
        writer.WriteRawValue(data.Utf8.Span, skipInputValidation: true);
    }

    private static byte[] Write<T>(T its, Action<Utf8JsonWriter, T> fields)
    {
        var (buffer, writer) = t_spare ?? Make();
        t_spare = null; // so that one that fails is not used again
        writer.WriteStartObject();
        fields(writer, its);
        writer.WriteEndObject();
        writer.Flush();
        var frame = buffer.WrittenSpan.ToArray();
        // One that a large message has made large is not kept.
        if (buffer.Capacity <= 64 * 1024)
        {
            buffer.ResetWrittenCount();
            writer.Reset(buffer);
            t_spare = (buffer, writer);
        }
        return frame;
    }

    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Writer) Make()
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        // What is for HTML is not escaped here; quotes, backslashes and control characters are.
        return (buffer, new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true }));
    }
}
