using System.Text.Json;

namespace Realtime.Client.Protocol;

/// <summary>What a server sends.</summary>
internal enum FrameType : byte
{
    /// <summary>A frame in an application's own format.</summary>
    Raw,

    /// <summary>One of the types below, with fields that are not as the protocol has them.</summary>
    Broken,
    Message,
    Excluded,
    Joined,
    Inbox,
    Dropped,
    Ack,
    Left,
    Members,
    History,
    Refreshed,
    Result,
    Pong,
    Error,
    Call,
    Join,
    Leave,
    Presence,
    Update,
    Updated,
    State,
}

/// <summary>One frame of a server. Its texts are those of the buffer, so it lives as long as that is not used again.</summary>
internal ref struct ServerFrame
{
    public FrameType Type;
    public JsonText Id, Room, From, To, Content, Epoch, Code, By, Next, Method, Sender, Key, Connection;
    public ReadOnlySpan<byte> Data, Users, Messages, Entries;
    public long Sequence = -1, Count = -1, Timestamp, RetryAfter, Last, Connections, FirstLost = -1, LastLost = -1, Order = -1, Expires = -1;
    public bool? Recovered;
    public bool IsService, IsEphemeral, More, IsDirect, IsInbox, HasPresence, IsDeleted;

    private JsonText _type;
    private bool _isBroken;

    public ServerFrame()
    {
    }

    /// <summary>Reads a text; what is no frame of the protocol is <see cref="FrameType.Raw"/>.</summary>
    public static ServerFrame Read(ReadOnlySpan<byte> json)
    {
        if (json.Length == 0 || json[0] is not ((byte)'{' or (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n'))
            return default;
        try
        {
            var reader = new Utf8JsonReader(json);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return default;
            var frame = new ServerFrame();
            frame.ReadFields(ref reader, json);
            if (reader.Read() || !frame._type.IsPresent)
                return default;
            frame.Type = TypeOf(frame._type);
            if (frame.Type != FrameType.Raw && (frame._isBroken || !frame.IsWhole()))
                frame.Type = FrameType.Broken;
            return frame;
        }
        catch (JsonException)
        {
            return default;
        }
    }

    /// <summary>A frame of a page of history, or an entry of a state, from where the reader is.</summary>
    public static ServerFrame ReadPart(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        var frame = new ServerFrame();
        frame.ReadFields(ref reader, json);
        return frame;
    }

    /// <summary>The type as it stands there, of a part of a page of history.</summary>
    public readonly JsonText TypeName => _type;

    private void ReadFields(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.ValueSpan;
            reader.Read();
            switch (name.Length)
            {
                case 2 when name.SequenceEqual("id"u8): Id = Text(ref reader, json); break;
                case 2 when name.SequenceEqual("to"u8): TextOrNumber(ref reader, json, ref To, ref LastLost); break;
                case 2 when name.SequenceEqual("by"u8): By = Text(ref reader, json); break;
                case 3 when name.SequenceEqual("key"u8): Key = Text(ref reader, json); break;
                case 3 when name.SequenceEqual("seq"u8): Sequence = Number(ref reader); break;
                case 4 when name.SequenceEqual("type"u8): _type = Text(ref reader, json); break;
                case 4 when name.SequenceEqual("room"u8): Room = Text(ref reader, json); break;
                case 4 when name.SequenceEqual("from"u8): TextOrNumber(ref reader, json, ref From, ref FirstLost); break;
                case 4 when name.SequenceEqual("data"u8): Data = Value(ref reader, json); break;
                case 4 when name.SequenceEqual("last"u8): Last = Number(ref reader); break;
                case 4 when name.SequenceEqual("code"u8): Code = Text(ref reader, json); break;
                case 4 when name.SequenceEqual("next"u8): Next = Text(ref reader, json); break;
                case 4 when name.SequenceEqual("more"u8): More = Flag(ref reader); break;
                case 5 when name.SequenceEqual("epoch"u8): Epoch = Text(ref reader, json); break;
                case 5 when name.SequenceEqual("users"u8): Users = Value(ref reader, json, JsonTokenType.StartArray); break;
                case 5 when name.SequenceEqual("order"u8): Order = Number(ref reader); break;
                case 5 when name.SequenceEqual("inbox"u8): IsInbox = Flag(ref reader); break;
                case 6 when name.SequenceEqual("direct"u8): IsDirect = Flag(ref reader); break;
                case 6 when name.SequenceEqual("method"u8): Method = Text(ref reader, json); break;
                case 6 when name.SequenceEqual("sender"u8): Sender = Text(ref reader, json); break;
                case 7 when name.SequenceEqual("content"u8): Content = Text(ref reader, json); break;
                case 7 when name.SequenceEqual("service"u8): IsService = Flag(ref reader); break;
                case 7 when name.SequenceEqual("expires"u8): Expires = Number(ref reader); break;
                case 7 when name.SequenceEqual("deleted"u8): IsDeleted = Flag(ref reader); break;
                case 7 when name.SequenceEqual("entries"u8): Entries = Value(ref reader, json, JsonTokenType.StartArray); break;
                case 7 when name.SequenceEqual("members"u8): Count = Number(ref reader); break;
                case 8 when name.SequenceEqual("messages"u8): Messages = Value(ref reader, json, JsonTokenType.StartArray); break;
                case 8 when name.SequenceEqual("presence"u8): HasPresence = Flag(ref reader); break;
                case 9 when name.SequenceEqual("timestamp"u8): Timestamp = Number(ref reader); break;
                case 9 when name.SequenceEqual("ephemeral"u8): IsEphemeral = Flag(ref reader); break;
                case 9 when name.SequenceEqual("recovered"u8): Recovered = Flag(ref reader); break;
                case 10 when name.SequenceEqual("connection"u8): Connection = Text(ref reader, json); break;
                case 10 when name.SequenceEqual("retryAfter"u8): RetryAfter = Number(ref reader); break;
                case 11 when name.SequenceEqual("connections"u8): Connections = Number(ref reader); break;
                default: reader.Skip(); break;
            }
        }
    }

    private JsonText Text(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        if (reader.TokenType == JsonTokenType.String)
            return new(json[(int)reader.TokenStartIndex..(int)reader.BytesConsumed], reader.ValueIsEscaped);
        Break(ref reader);
        return default;
    }

    private long Number(scoped ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number) && number >= 0)
            return number;
        Break(ref reader);
        return 0;
    }

    private bool Flag(scoped ref Utf8JsonReader reader)
    {
        if (reader.TokenType is JsonTokenType.True or JsonTokenType.False)
            return reader.TokenType == JsonTokenType.True;
        Break(ref reader);
        return false;
    }

    private void TextOrNumber(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> json, ref JsonText text, ref long number)
    {
        if (reader.TokenType == JsonTokenType.Number)
            number = Number(ref reader);
        else
            text = Text(ref reader, json);
    }

    private ReadOnlySpan<byte> Value(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> json, JsonTokenType? begin = null)
    {
        var start = (int)reader.TokenStartIndex;
        _isBroken |= begin is not null && reader.TokenType != begin;
        reader.Skip();
        return json[start..(int)reader.BytesConsumed];
    }

    private void Break(scoped ref Utf8JsonReader reader)
    {
        _isBroken = true;
        reader.Skip();
    }

    private static FrameType TypeOf(JsonText type) =>
        type.Is("message"u8) ? FrameType.Message
        : type.Is("ack"u8) ? FrameType.Ack
        : type.Is("joined"u8) ? FrameType.Joined
        : type.Is("join"u8) ? FrameType.Join
        : type.Is("leave"u8) ? FrameType.Leave
        : type.Is("presence"u8) ? FrameType.Presence
        : type.Is("pong"u8) ? FrameType.Pong
        : type.Is("left"u8) ? FrameType.Left
        : type.Is("error"u8) ? FrameType.Error
        : type.Is("dropped"u8) ? FrameType.Dropped
        : type.Is("inbox"u8) ? FrameType.Inbox
        : type.Is("members"u8) ? FrameType.Members
        : type.Is("excluded"u8) ? FrameType.Excluded
        : type.Is("update"u8) ? FrameType.Update
        : type.Is("updated"u8) ? FrameType.Updated
        : type.Is("state"u8) ? FrameType.State
        : type.Is("history"u8) ? FrameType.History
        : type.Is("refreshed"u8) ? FrameType.Refreshed
        : type.Is("result"u8) ? FrameType.Result
        : type.Is("call"u8) ? FrameType.Call
        : FrameType.Raw;

    /// <summary>Whether it has the fields that its type needs.</summary>
    private readonly bool IsWhole() => Type switch
    {
        FrameType.Message => Epoch.IsPresent == Sequence >= 0 && (!Room.IsPresent || IsEphemeral || Epoch.IsPresent),
        FrameType.Excluded => Room.IsPresent && Epoch.IsPresent && Sequence >= 0,
        FrameType.Joined => Room.IsPresent && Epoch.IsPresent && Sequence >= Last,
        FrameType.Inbox => Epoch.IsPresent && Sequence >= 0,
        FrameType.Dropped => IsDirect || (IsInbox || Room.IsPresent) && (Epoch.IsPresent ? LastLost >= 0 : HasPresence),
        FrameType.Ack => Id.IsPresent && Epoch.IsPresent == Sequence >= 0,
        FrameType.Left => Room.IsPresent,
        FrameType.Members => !Users.IsEmpty && Count >= 0 && (Id.IsPresent || Room.IsPresent),
        FrameType.History => !Messages.IsEmpty,
        FrameType.State => Room.IsPresent && !Entries.IsEmpty,
        FrameType.Error => Code.IsPresent,
        FrameType.Call => Id.IsPresent && Method.IsPresent,
        FrameType.Join or FrameType.Leave or FrameType.Update => Room.IsPresent && From.IsPresent,
        FrameType.Presence => Room.IsPresent && Count >= 0,
        _ => true,
    };
}
