using System.Text.Json;

namespace Realtime.Client.Protocol;

/// <summary>Makes pages of the frames that bring them.</summary>
internal static class Pages
{
    /// <summary>The latest time that a timestamp can be, in Unix milliseconds.</summary>
    private static readonly long s_maxTime = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    public static DateTimeOffset Time(long timestamp) => DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(timestamp, s_maxTime));

    /// <summary>When a key ends, if it does.</summary>
    public static DateTimeOffset? Expiry(scoped in ServerFrame frame) => frame.Expires >= 0 ? Time(frame.Expires) : null;

    public static MembersPage Members(scoped in ServerFrame frame)
    {
        var users = new List<string>();
        var reader = new Utf8JsonReader(frame.Users);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.String)
            users.Add(reader.GetString()!);
        return new(users, Math.Max(frame.Count, 0), frame.Next.Decode()) { Data = DataOf(frame.Data), Order = frame.Order >= 0 ? frame.Order : null };
    }

    /// <summary>What users show of themselves, by their ids.</summary>
    private static Dictionary<string, JsonData> DataOf(ReadOnlySpan<byte> json)
    {
        var data = new Dictionary<string, JsonData>();
        var reader = new Utf8JsonReader(json);
        if (json.IsEmpty || !reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return data;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var user = reader.GetString()!;
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            data[user] = new(json[start..(int)reader.BytesConsumed].ToArray());
        }
        return data;
    }

    public static HistoryPage History(scoped in ServerFrame frame)
    {
        var messages = new List<HistoryMessage>();
        var epoch = frame.Epoch.Decode();
        var reader = new Utf8JsonReader(frame.Messages);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            var message = ServerFrame.ReadPart(ref reader, frame.Messages);
            messages.Add(new()
            {
                Type = message.TypeName.Decode() ?? "message",
                Position = new(epoch ?? message.Epoch.Decode() ?? "", message.Sequence),
                From = message.From.Decode(),
                IsService = message.IsService,
                Content = message.Content.Decode(),
                Data = new(message.Data.ToArray()),
                Timestamp = Time(message.Timestamp),
                Key = message.Key.Decode(),
                Expires = Expiry(in message),
                IsDeleted = message.IsDeleted,
            });
        }
        return new(epoch, messages, frame.More);
    }

    /// <exception cref="JsonException">One of them has no key or no version.</exception>
    public static List<RoomEntry> Entries(scoped in ServerFrame frame, TextCache texts)
    {
        var entries = new List<RoomEntry>();
        var reader = new Utf8JsonReader(frame.Entries);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            var entry = ServerFrame.ReadPart(ref reader, frame.Entries);
            if (!entry.Key.IsPresent || entry.Sequence < 0)
                throw new JsonException("An entry of a state has no key or no version.");
            entries.Add(new(texts.Get(entry.Key), entry.Sequence)
            {
                From = entry.From.IsPresent ? texts.Get(entry.From) : null,
                IsService = entry.IsService,
                Content = entry.Content.Decode(),
                Data = new(entry.Data.ToArray()),
                Timestamp = Time(entry.Timestamp),
                Expires = Expiry(in entry),
            });
        }
        return entries;
    }
}
