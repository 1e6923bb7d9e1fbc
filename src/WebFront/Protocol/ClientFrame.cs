using System.Text;
using System.Text.Json;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Protocol;

/// <summary>What a client may ask for.</summary>
internal enum ClientFrameType : byte { None, Join, Leave, Message, Members, History, Ping, Unknown }

/// <summary>Something is wrong with what a client sent; becomes an <c>error</c> frame.</summary>
internal sealed class ProtocolException(string code, string message) : Exception(message)
{
    public string Code { get; } = code;
}

/// <summary>
/// One decoded frame of the protocol. <c>content</c> and <c>data</c> stay the JSON text that they came as and are
/// copied once, by <see cref="CopyBody"/>: nobody between the sender and the receivers needs them decoded.
/// </summary>
internal ref struct ClientFrame
{
    private ReadOnlySpan<byte> _content; // the JSON string with its quotes
    private ReadOnlySpan<byte> _data;

    public ClientFrameType Type { get; private set; }
    public string? TypeName { get; private set; }
    public string? Id { get; private set; }
    public string? Room { get; private set; }
    public string? To { get; private set; }
    public string? Epoch { get; private set; }
    public long? Sequence { get; private set; }
    public string? After { get; private set; }
    public long? Before { get; private set; }
    public long? Limit { get; private set; }

    public readonly bool HasBody => !_content.IsEmpty || !_data.IsEmpty;

    /// <summary>Bytes of JSON text inside the quotes of <c>content</c>.</summary>
    public readonly int ContentSize => Math.Max(_content.Length - 2, 0);

    /// <summary>Bytes of JSON text of <c>data</c>.</summary>
    public readonly int DataSize => _data.Length;

    /// <summary>Decodes a frame; what was read before an error stays, so that the answer can name the frame's id.</summary>
    /// <param name="json">The payload of a text frame: valid UTF-8.</param>
    /// <param name="seats">Rooms that the connection is in: their names need not be made again.</param>
    /// <exception cref="ProtocolException">Not JSON, not one object, or a field of the wrong kind.</exception>
    public void Read(ReadOnlySpan<byte> json, ReadOnlySpan<Seat> seats)
    {
        var reader = new Utf8JsonReader(json);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw new ProtocolException(ErrorCodes.BadRequest, "A message must be one JSON object.");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                ReadField(ref reader, json, seats);
            reader.Read(); // throws when anything but white space follows
        }
        catch (JsonException exception)
        {
            throw new ProtocolException(ErrorCodes.BadRequest,
                $"A message must be one JSON object; this is not valid JSON at line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}.");
        }
    }

    /// <summary><c>"content":..,"data":..</c> as the client wrote them.</summary>
    public readonly byte[] CopyBody()
    {
        var contentName = "\"content\":"u8;
        var dataName = "\"data\":"u8;
        var comma = !_content.IsEmpty && !_data.IsEmpty ? 1 : 0;
        var size = (_content.IsEmpty ? 0 : contentName.Length + _content.Length)
            + comma
            + (_data.IsEmpty ? 0 : dataName.Length + _data.Length);
        var body = new byte[size];
        var rest = body.AsSpan();
        if (!_content.IsEmpty)
        {
            contentName.CopyTo(rest);
            _content.CopyTo(rest[contentName.Length..]);
            rest = rest[(contentName.Length + _content.Length)..];
        }
        if (comma == 1)
        {
            rest[0] = (byte)',';
            rest = rest[1..];
        }
        if (!_data.IsEmpty)
        {
            dataName.CopyTo(rest);
            _data.CopyTo(rest[dataName.Length..]);
        }
        return body;
    }

    private void ReadField(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, ReadOnlySpan<Seat> seats)
    {
        if (reader.ValueTextEquals("type"u8))
        {
            reader.Read();
            ReadType(ref reader);
        }
        else if (reader.ValueTextEquals("id"u8))
        {
            Id = ReadString(ref reader, "id");
            if (Id.Length == 0 || Encoding.UTF8.GetByteCount(Id) > Limits.IdBytes)
            {
                Id = null; // too long to be sent back
                throw new ProtocolException(ErrorCodes.BadRequest, $"'id' must have 1 to {Limits.IdBytes} bytes of UTF-8.");
            }
        }
        else if (reader.ValueTextEquals("room"u8))
            Room = ReadRoom(ref reader, seats);
        else if (reader.ValueTextEquals("content"u8))
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw new ProtocolException(ErrorCodes.BadRequest, $"'content' must be a string, not {Describe(reader.TokenType)}; use 'data' for other JSON.");
            CheckEscapes(ref reader, "content");
            _content = json[(int)reader.TokenStartIndex..(int)reader.BytesConsumed];
        }
        else if (reader.ValueTextEquals("data"u8))
        {
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            SkipChecked(ref reader);
            _data = json[start..(int)reader.BytesConsumed];
        }
        else if (reader.ValueTextEquals("to"u8))
            To = ReadString(ref reader, "to");
        else if (reader.ValueTextEquals("epoch"u8))
            Epoch = ReadString(ref reader, "epoch");
        else if (reader.ValueTextEquals("seq"u8))
            Sequence = ReadNumber(ref reader, "seq");
        else if (reader.ValueTextEquals("after"u8))
            After = ReadString(ref reader, "after");
        else if (reader.ValueTextEquals("before"u8))
            Before = ReadNumber(ref reader, "before");
        else if (reader.ValueTextEquals("limit"u8))
            Limit = ReadNumber(ref reader, "limit");
        else
        {
            // A field that this version does not know is not an error, so that clients may be newer than servers.
            reader.Read();
            reader.Skip();
        }
    }

    private void ReadType(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw new ProtocolException(ErrorCodes.BadRequest, $"'type' must be a string, not {Describe(reader.TokenType)}.");
        if (reader.ValueTextEquals("message"u8))
            Type = ClientFrameType.Message;
        else if (reader.ValueTextEquals("join"u8))
            Type = ClientFrameType.Join;
        else if (reader.ValueTextEquals("leave"u8))
            Type = ClientFrameType.Leave;
        else if (reader.ValueTextEquals("members"u8))
            Type = ClientFrameType.Members;
        else if (reader.ValueTextEquals("history"u8))
            Type = ClientFrameType.History;
        else if (reader.ValueTextEquals("ping"u8))
            Type = ClientFrameType.Ping;
        else
        {
            CheckEscapes(ref reader, "type");
            Type = ClientFrameType.Unknown;
            TypeName = reader.GetString();
        }
    }

    private static string ReadRoom(ref Utf8JsonReader reader, ReadOnlySpan<Seat> seats)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped)
        {
            foreach (var seat in seats)
            {
                if (reader.ValueSpan.SequenceEqual(seat.Room.Utf8Name))
                    return seat.Room.Name;
            }
        }
        return StringOf(ref reader, "room");
    }

    private static string ReadString(ref Utf8JsonReader reader, string field)
    {
        reader.Read();
        return StringOf(ref reader, field);
    }

    private static string StringOf(ref Utf8JsonReader reader, string field)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw new ProtocolException(ErrorCodes.BadRequest, $"'{field}' must be a string, not {Describe(reader.TokenType)}.");
        CheckEscapes(ref reader, field);
        return reader.GetString()!;
    }

    private static long ReadNumber(ref Utf8JsonReader reader, string field)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var value))
            throw new ProtocolException(ErrorCodes.BadRequest, $"'{field}' must be a whole number.");
        return value;
    }

    /// <summary>Skips a value, checking the strings in it.</summary>
    private static void SkipChecked(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth;
        while (true)
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
                CheckEscapes(ref reader, "data");
            if (reader.CurrentDepth == depth && reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
                return;
            reader.Read();
        }
    }

    /// <summary>JSON's grammar lets <c>\ud800</c> stand alone (RFC 8259 section 8.2), but no receiver could decode it.</summary>
    private static void CheckEscapes(ref Utf8JsonReader reader, string field)
    {
        if (!reader.ValueIsEscaped)
            return;
        try
        {
            _ = reader.GetString();
        }
        catch (InvalidOperationException)
        {
            throw new ProtocolException(ErrorCodes.BadRequest, $"'{field}' has an unpaired surrogate escape; it must be valid Unicode.");
        }
    }

    private static string Describe(JsonTokenType token) => token switch
    {
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        JsonTokenType.Null => "null (leave the field out instead)",
        JsonTokenType.StartArray => "an array",
        _ => "an object",
    };
}
