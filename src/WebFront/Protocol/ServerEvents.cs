using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Realtime.Connections;

namespace Realtime.WebFront.Protocol;

/// <summary>
/// Frames as server-sent events. <c>data</c> is the frame, <c>event</c> its type unless it is a message, and <c>id</c> the position from
/// which a client that has had it resumes: only of what the stream is for, as others count elsewhere.
/// </summary>
/// <param name="kind">What it is for.</param>
internal sealed class ServerEvents(ServerEvents.Kind kind) : EventFormat
{
    /// <summary>The id of the last event when the client should not come back. A browser does all the same, and is told by 204 that it is over.</summary>
    public const string Over = "closed";

    private const string RetryAfter = "retry after ";

    public static readonly ServerEvents OfRoom = new(Kind.Room), OfInbox = new(Kind.Inbox), OfSession = new(Kind.Session);

    /// <summary>What a stream is for.</summary>
    internal enum Kind
    {
        Room,
        Inbox,

        /// <summary>All that a WebSocket would carry, which its client tells apart and numbers by itself.</summary>
        Session,
    }

    /// <summary>Why a stream ends before it has begun, from its first event; null when that is what it is for.</summary>
    public static (ushort? Close, string Code, string Reason)? Refusal(ReadOnlySpan<byte> first)
    {
        var isClose = first.StartsWith("event: closed\n"u8);
        if (!isClose && !first.StartsWith("event: error\n"u8))
            return null;
        var data = first[(first.IndexOf("data: "u8) + "data: "u8.Length)..];
        var json = new Utf8JsonReader(data[..data.IndexOf((byte)'\n')]);
        using var document = JsonDocument.ParseValue(ref json);
        return isClose
            ? (document.RootElement.GetProperty("code").GetUInt16(), "", document.RootElement.GetProperty("reason").GetString()!)
            : (null, document.RootElement.GetProperty("code").GetString()!, document.RootElement.GetProperty("content").GetString()!);
    }

    protected override void Write(MessageType type, ReadOnlySpan<byte> payload, IBufferWriter<byte> output)
    {
        if (type == MessageType.Binary)
        {
            output.Write("event: binary\ndata: "u8);
            var base64 = output.GetSpan(Base64.GetMaxEncodedToUtf8Length(payload.Length));
            Base64.EncodeToUtf8(payload, base64, out _, out var written);
            output.Advance(written);
            output.Write("\n"u8);
            return;
        }
        if (kind != Kind.Session)
            WriteHead(Read(payload), output);
        WriteData(payload, output);
    }

    protected override void WriteClose(ushort code, string reason, IBufferWriter<byte> output)
    {
        output.Write("event: closed\n"u8);
        if (code == CloseCodes.GoingAway && RetryIn(reason) is { } retry)
        {
            output.Write("retry: "u8);
            output.WriteNumber(retry);
            output.Write("\n"u8);
        }
        if (IsOver(code))
            output.Write("id: closed\n"u8);
        output.Write("data: {\"code\":"u8);
        output.WriteNumber(code);
        output.Write(",\"reason\":"u8);
        output.WriteString(reason);
        output.Write("}\n"u8);
    }

    // Of docs/protocol.md, Close codes: who would only be closed again.
    private static bool IsOver(ushort code) =>
        code is CloseCodes.Normal or CloseCodes.UnsupportedData or CloseCodes.PolicyViolation or CloseCodes.MessageTooBig or CloseCodes.Replaced or CloseCodes.Kicked;

    private static long? RetryIn(string reason)
    {
        var at = reason.IndexOf(RetryAfter, StringComparison.Ordinal);
        if (at < 0)
            return null;
        var digits = reason.AsSpan(at + RetryAfter.Length);
        var end = digits.IndexOf(' ');
        return long.TryParse(end < 0 ? digits : digits[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var retry) ? retry : null;
    }

    private void WriteHead(in Head head, IBufferWriter<byte> output)
    {
        if (head.Type is null)
            output.Write("event: text\n"u8); // a service sent it unwrapped
        else if (head.Type != "message")
        {
            output.Write("event: "u8);
            output.Write(Encoding.UTF8.GetBytes(head.Type));
            output.Write("\n"u8);
        }
        // What was missed comes behind a join that has recovered: until it has come, the position is the one of before.
        if (head.Epoch is null || head.Sequence is not { } sequence || head.Recovered || head.HasRoom != (kind == Kind.Room) || head.Type is not ("message" or "joined" or "inbox"))
            return;
        output.Write("id: "u8);
        output.Write(Encoding.UTF8.GetBytes(head.Epoch));
        output.Write(":"u8);
        output.WriteNumber(sequence - (head.Last ?? 0));
        output.Write("\n"u8);
    }

    private static Head Read(ReadOnlySpan<byte> payload)
    {
        if (!payload.StartsWith("{\"type\":\""u8))
            return default;
        try
        {
            return ReadJson(payload);
        }
        catch (JsonException)
        {
            return default; // a service sends what it likes
        }
    }

    private static Head ReadJson(ReadOnlySpan<byte> payload)
    {
        var json = new Utf8JsonReader(payload);
        var head = new Head();
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("type"u8))
                head.Type = Line(ref json);
            else if (json.ValueTextEquals("epoch"u8))
                head.Epoch = Line(ref json);
            else if (json.ValueTextEquals("seq"u8))
                head.Sequence = Number(ref json);
            else if (json.ValueTextEquals("last"u8))
                head.Last = Number(ref json);
            else if (json.ValueTextEquals("recovered"u8))
                head.Recovered = json.Read() && json.TokenType == JsonTokenType.True;
            else
            {
                head.HasRoom |= json.ValueTextEquals("room"u8);
                json.Skip();
            }
        }
        return head;
    }

    // What would be more than a line of an event is none of ours.
    private static string? Line(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.String && !json.ValueIsEscaped)
            return json.GetString();
        json.Skip();
        return null;
    }

    private static long? Number(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var number))
            return number;
        json.Skip();
        return null;
    }

    private struct Head
    {
        public string? Type, Epoch;
        public long? Sequence, Last;
        public bool Recovered, HasRoom;
    }
}
