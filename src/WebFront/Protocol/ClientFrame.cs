using System.Text.Json;
using Realtime.Grains;
using Realtime.WebFront.Limiting;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Protocol;

/// <summary>What a client may ask for.</summary>
internal enum ClientFrameType : byte { None, Join, Leave, Update, Message, Members, History, Inbox, Ping, Refresh, Call, Result, Error, Unknown }

/// <summary>
/// One decoded frame of the protocol. <c>content</c> and <c>data</c> stay the JSON text that they came as and are
/// copied once, by <see cref="CopyBody"/>: they are needed decoded by clients only. It has a property for each field of the protocol.
/// </summary>
internal ref partial struct ClientFrame
{
    private ReadOnlySpan<byte> _content; // the JSON string with its quotes
    private ReadOnlySpan<byte> _data;
    private Fields _seen;
    private Refusal? _refusal;

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
    public long? Last { get; private set; }
    public bool? Echo { get; private set; }
    public bool? Ephemeral { get; private set; }
    public string? Key { get; private set; }
    public string? Presence { get; private set; }
    public long? If { get; private set; }
    public long? Ttl { get; private set; }
    public bool? Deleted { get; private set; }
    public bool? State { get; private set; }
    public string? Token { get; private set; }
    public string? Method { get; private set; }
    public string? Code { get; private set; }
    public string? TraceParent { get; private set; }

    /// <summary>Whose limit it counts for, beside that of all commands.</summary>
    public readonly CommandKind Kind => Type switch
    {
        ClientFrameType.Message => To is null ? CommandKind.Publish : CommandKind.Direct,
        ClientFrameType.Update => CommandKind.Publish,
        ClientFrameType.Join or ClientFrameType.Leave or ClientFrameType.Inbox => CommandKind.Join,
        ClientFrameType.Members or ClientFrameType.History => CommandKind.Read,
        ClientFrameType.Refresh => CommandKind.Refresh,
        ClientFrameType.Call => CommandKind.Call,
        _ => CommandKind.Other,
    };

    public readonly bool HasBody => !_content.IsEmpty || !_data.IsEmpty;

    /// <summary>Bytes of JSON text inside the quotes of <c>content</c>.</summary>
    public readonly int ContentSize => Math.Max(_content.Length - 2, 0);

    /// <summary>Bytes of JSON text of <c>data</c>.</summary>
    public readonly int DataSize => _data.Length;

    /// <summary>
    /// Decodes a frame. All of it is read, whatever is wrong with it, so that the answer can name the frame's id. Nothing is
    /// thrown.
    /// </summary>
    /// <param name="json">The payload of a text frame: valid UTF-8.</param>
    /// <param name="memberships">Rooms that the connection is in: their names need not be made again.</param>
    /// <returns>The first thing that is wrong; null when nothing is.</returns>
    public Refusal? Read(ReadOnlySpan<byte> json, ReadOnlySpan<Membership> memberships)
    {
        if (JsonFault.Find(json, Limits.DataDepth + 1) is { } fault)
        {
            Id = FrameId.Find(json);
            return Refusal.BadRequest($"A message must be one JSON object, of text that is valid Unicode and nested at most {Limits.DataDepth} deep below it; there is {fault}.");
        }
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            return Refusal.BadRequest($"A message must be one JSON object, not {Describe(reader.TokenType)}.");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            ReadField(ref reader, json, memberships);
        return _refusal;
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

    /// <summary>The JSON of <c>data</c>; null when there is none.</summary>
    public readonly byte[]? CopyData() => _data.IsEmpty ? null : _data.ToArray();

    /// <summary>The text of <c>content</c>; null when there is none.</summary>
    public readonly string? DecodeContent()
    {
        if (_content.IsEmpty)
            return null;
        var reader = new Utf8JsonReader(_content);
        reader.Read();
        return reader.GetString();
    }

    private void ReadField(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, ReadOnlySpan<Membership> memberships)
    {
        var field = FieldOf(ref reader);
        reader.Read();
        if (field == Fields.None)
        {
            // A field that this version does not know is not an error, so that clients may be newer than servers.
            reader.Skip();
            return;
        }
        if ((_seen & field) != 0)
        {
            Refuse($"'{NameOf(field)}' is there twice; a field must be there once.");
            reader.Skip();
            return;
        }
        _seen |= field;
        switch (field)
        {
            case Fields.Type:
                ReadType(ref reader);
                break;
            case Fields.Id:
                Id = ReadString(ref reader, field);
                if (PublishId.Problem(Id) is { } problem)
                {
                    Id = null; // too long to be sent back
                    Refuse(problem);
                }
                break;
            case Fields.Room:
                Room = ReadRoom(ref reader, memberships);
                break;
            case Fields.Content when reader.TokenType == JsonTokenType.String:
                _content = json[(int)reader.TokenStartIndex..(int)reader.BytesConsumed];
                break;
            case Fields.Content:
                Refuse($"'content' must be a string, not {Describe(reader.TokenType)}; use 'data' for other JSON.");
                break;
            case Fields.Data:
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                _data = json[start..(int)reader.BytesConsumed];
                break;
            case Fields.To:
                To = ReadString(ref reader, field);
                break;
            case Fields.Epoch:
                Epoch = ReadString(ref reader, field);
                break;
            case Fields.Sequence:
                Sequence = ReadNumber(ref reader, field);
                break;
            case Fields.After:
                After = ReadString(ref reader, field);
                break;
            case Fields.Before:
                Before = ReadNumber(ref reader, field);
                break;
            case Fields.Limit:
                Limit = ReadNumber(ref reader, field);
                break;
            case Fields.Last:
                Last = ReadNumber(ref reader, field);
                break;
            case Fields.Echo:
                Echo = ReadBoolean(ref reader, field);
                break;
            case Fields.Ephemeral:
                Ephemeral = ReadBoolean(ref reader, field);
                break;
            case Fields.Key:
                Key = ReadString(ref reader, field);
                break;
            case Fields.Presence:
                Presence = ReadString(ref reader, field);
                break;
            case Fields.If:
                If = ReadNumber(ref reader, field);
                break;
            case Fields.Ttl:
                Ttl = ReadNumber(ref reader, field);
                break;
            case Fields.Deleted:
                Deleted = ReadBoolean(ref reader, field);
                break;
            case Fields.State:
                State = ReadBoolean(ref reader, field);
                break;
            case Fields.Token:
                Token = ReadString(ref reader, field);
                break;
            case Fields.Method:
                Method = ReadString(ref reader, field);
                break;
            case Fields.Code:
                Code = ReadString(ref reader, field);
                break;
            case Fields.TraceParent:
                TraceParent = ReadString(ref reader, field);
                break;
        }
        reader.Skip(); // what is of the wrong kind may be an object
    }

    private static string NameOf(Fields field) => field == Fields.Sequence ? "seq" : field.ToString().ToLowerInvariant();

    /// <summary>The client gets the first problem.</summary>
    private void Refuse(string reason) => _refusal ??= Refusal.BadRequest(reason);

    private void ReadType(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String)
            Refuse($"'type' must be a string, not {Describe(reader.TokenType)}.");
        else if (reader.ValueTextEquals("message"u8))
            Type = ClientFrameType.Message;
        else if (reader.ValueTextEquals("join"u8))
            Type = ClientFrameType.Join;
        else if (reader.ValueTextEquals("leave"u8))
            Type = ClientFrameType.Leave;
        else if (reader.ValueTextEquals("update"u8))
            Type = ClientFrameType.Update;
        else if (reader.ValueTextEquals("members"u8))
            Type = ClientFrameType.Members;
        else if (reader.ValueTextEquals("history"u8))
            Type = ClientFrameType.History;
        else if (reader.ValueTextEquals("inbox"u8))
            Type = ClientFrameType.Inbox;
        else if (reader.ValueTextEquals("ping"u8))
            Type = ClientFrameType.Ping;
        else if (reader.ValueTextEquals("refresh"u8))
            Type = ClientFrameType.Refresh;
        else if (reader.ValueTextEquals("call"u8))
            Type = ClientFrameType.Call;
        else if (reader.ValueTextEquals("result"u8))
            Type = ClientFrameType.Result;
        else if (reader.ValueTextEquals("error"u8))
            Type = ClientFrameType.Error;
        else
        {
            Type = ClientFrameType.Unknown;
            TypeName = reader.GetString();
        }
    }

    private string? ReadRoom(ref Utf8JsonReader reader, ReadOnlySpan<Membership> memberships)
    {
        if (reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped)
        {
            foreach (var membership in memberships)
            {
                if (reader.ValueSpan.SequenceEqual(membership.Room.Utf8Name))
                    return membership.Room.Name;
            }
        }
        return ReadString(ref reader, Fields.Room);
    }

    private string? ReadString(ref Utf8JsonReader reader, Fields field)
    {
        if (reader.TokenType == JsonTokenType.String)
            return reader.GetString();
        Refuse($"'{NameOf(field)}' must be a string, not {Describe(reader.TokenType)}.");
        return null;
    }

    private bool? ReadBoolean(ref Utf8JsonReader reader, Fields field)
    {
        if (reader.TokenType is JsonTokenType.True or JsonTokenType.False)
            return reader.GetBoolean();
        Refuse($"'{NameOf(field)}' must be true or false, not {Describe(reader.TokenType)}.");
        return null;
    }

    private long? ReadNumber(ref Utf8JsonReader reader, Fields field)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value))
            return value;
        Refuse(reader.TokenType == JsonTokenType.Number
            ? $"'{NameOf(field)}' must be a whole number of at most 64 bits, in digits only."
            : $"'{NameOf(field)}' must be a whole number.");
        return null;
    }

    private static string Describe(JsonTokenType token) => token switch
    {
        JsonTokenType.Number => "a number",
        JsonTokenType.String => "a string",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        JsonTokenType.Null => "null (leave the field out instead)",
        JsonTokenType.StartArray => "an array",
        _ => "an object",
    };
}
