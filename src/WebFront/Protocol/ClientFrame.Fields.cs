using System.Text.Json;

namespace Realtime.WebFront.Protocol;

/// <summary>The names of the fields.</summary>
internal ref partial struct ClientFrame
{
    [Flags]
    private enum Fields
    {
        None = 0,
        Type = 1,
        Id = 2,
        Room = 4,
        Content = 8,
        Data = 16,
        To = 32,
        Epoch = 64,
        Sequence = 128,
        After = 256,
        Before = 512,
        Limit = 1024,
        Token = 2048,
        Method = 4096,
        Code = 8192,
        Last = 16384,
        Echo = 32768,
        Ephemeral = 65536,
        Key = 131072,
        Presence = 262144,
        If = 524288,
        Ttl = 1048576,
        Deleted = 2097152,
        State = 4194304,
        TraceParent = 8388608,
    }

    private static Fields FieldOf(ref Utf8JsonReader reader)
    {
        if (reader.ValueTextEquals("type"u8))
            return Fields.Type;
        if (reader.ValueTextEquals("id"u8))
            return Fields.Id;
        if (reader.ValueTextEquals("room"u8))
            return Fields.Room;
        if (reader.ValueTextEquals("content"u8))
            return Fields.Content;
        if (reader.ValueTextEquals("data"u8))
            return Fields.Data;
        if (reader.ValueTextEquals("to"u8))
            return Fields.To;
        if (reader.ValueTextEquals("epoch"u8))
            return Fields.Epoch;
        if (reader.ValueTextEquals("seq"u8))
            return Fields.Sequence;
        if (reader.ValueTextEquals("after"u8))
            return Fields.After;
        if (reader.ValueTextEquals("before"u8))
            return Fields.Before;
        if (reader.ValueTextEquals("limit"u8))
            return Fields.Limit;
        if (reader.ValueTextEquals("last"u8))
            return Fields.Last;
        if (reader.ValueTextEquals("echo"u8))
            return Fields.Echo;
        if (reader.ValueTextEquals("ephemeral"u8))
            return Fields.Ephemeral;
        if (reader.ValueTextEquals("key"u8))
            return Fields.Key;
        if (reader.ValueTextEquals("presence"u8))
            return Fields.Presence;
        if (reader.ValueTextEquals("if"u8))
            return Fields.If;
        if (reader.ValueTextEquals("ttl"u8))
            return Fields.Ttl;
        if (reader.ValueTextEquals("deleted"u8))
            return Fields.Deleted;
        if (reader.ValueTextEquals("state"u8))
            return Fields.State;
        if (reader.ValueTextEquals("token"u8))
            return Fields.Token;
        if (reader.ValueTextEquals("method"u8))
            return Fields.Method;
        if (reader.ValueTextEquals("code"u8))
            return Fields.Code;
        return reader.ValueTextEquals("traceparent"u8) ? Fields.TraceParent : Fields.None;
    }
}
