using System.Text.Json;
using Realtime.Silo.Hooks;

namespace Realtime.Silo.Webhooks;

/// <summary>An event as it waits for a receiver.</summary>
/// <param name="Json">The object as it is sent.</param>
/// <param name="Timestamp">When it happened, Unix milliseconds.</param>
/// <param name="Epoch">The room's epoch.</param>
/// <param name="Order">The event's number in it.</param>
/// <param name="Sequence">Of a message; else 0.</param>
[GenerateSerializer, Immutable, Alias("realtime.webhook.event")]
internal readonly record struct WebhookEvent(
    [property: Id(0)] byte[] Json, [property: Id(1)] long Timestamp, [property: Id(2)] string Epoch, [property: Id(3)] long Order, [property: Id(4)] long Sequence)
{
    /// <summary>What it takes in memory beside its JSON.</summary>
    private const int Overhead = 96;

    public int Bytes => Json.Length + Overhead;
}

/// <summary>Events that a receiver does not get; it is told of them in their place.</summary>
/// <param name="Epoch">The room's epoch.</param>
/// <param name="Order">The number of the last.</param>
/// <param name="Events">How many.</param>
/// <param name="From">The sequence of the first message among them; 0 for none.</param>
/// <param name="To">That of the last.</param>
/// <param name="Timestamp">When the last one happened.</param>
[GenerateSerializer, Immutable, Alias("realtime.webhook.lost")]
internal readonly record struct LostEvents(
    [property: Id(0)] string Epoch, [property: Id(1)] long Order, [property: Id(2)] long Events, [property: Id(3)] long From, [property: Id(4)] long To, [property: Id(5)] long Timestamp)
{
    /// <summary>With one more behind them.</summary>
    public static LostEvents Add(LostEvents? lost, in WebhookEvent next)
    {
        var before = lost ?? new(next.Epoch, 0, 0, 0, 0, 0);
        if (before.Epoch != next.Epoch)
            before = before with { From = 0, To = 0 }; // sequences of another epoch
        return new(next.Epoch, next.Order, before.Events + 1, before.From > 0 ? before.From : next.Sequence, next.Sequence > 0 ? next.Sequence : before.To, next.Timestamp);
    }
}

/// <summary>The JSON of events: members are called as in frames.</summary>
internal static class WebhookEvents
{
    public const string Message = "message";
    public const string Join = "join";
    public const string Leave = "leave";
    public const string Occupied = "occupied";
    public const string Vacated = "vacated";

    /// <summary>Comes to whoever asks for anything but messages.</summary>
    public const string Reset = "reset";

    /// <summary>What a receiver may ask for.</summary>
    public static readonly string[] Types = [Message, Join, Leave, Occupied, Vacated];

    private static readonly JsonWriterOptions s_plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static string TypeOf(RoomFactKind kind) => kind switch
    {
        RoomFactKind.Message => Message,
        RoomFactKind.Joined => Join,
        RoomFactKind.Left => Leave,
        RoomFactKind.Occupied => Occupied,
        RoomFactKind.Reset => Reset,
        _ => Vacated,
    };

    public static WebhookEvent Encode(string room, in RoomFact fact)
    {
        using var buffer = new MemoryStream(256 + (fact.Message?.Body.Length ?? 0));
        using (var json = Begin(buffer, TypeOf(fact.Kind), room, fact.Epoch, fact.Order, fact.Timestamp))
        {
            if (fact.User is { } user)
                json.WriteString("user"u8, user);
            if (fact.IsRestored)
                json.WriteBoolean("restored"u8, true);
            if (fact.Message is { } message)
                Write(json, message);
            json.Flush();
            if (fact.Message is { Kind: FrontEventKind.Message, Body: var body })
            {
                buffer.WriteByte((byte)',');
                buffer.Write(body);
            }
            buffer.WriteByte((byte)'}');
        }
        return new(buffer.ToArray(), fact.Timestamp, fact.Epoch, fact.Order, fact.Message?.Sequence ?? 0);
    }

    public static WebhookEvent Encode(string room, in LostEvents lost)
    {
        using var buffer = new MemoryStream(256);
        using (var json = Begin(buffer, "dropped", room, lost.Epoch, lost.Order, lost.Timestamp))
        {
            json.WriteNumber("events"u8, lost.Events);
            if (lost.From > 0)
            {
                json.WriteNumber("from"u8, lost.From);
                json.WriteNumber("to"u8, lost.To);
            }
            json.Flush();
            buffer.WriteByte((byte)'}');
        }
        return new(buffer.ToArray(), lost.Timestamp, lost.Epoch, lost.Order, 0);
    }

    private static Utf8JsonWriter Begin(Stream buffer, string type, string room, string epoch, long order, long timestamp)
    {
        var json = new Utf8JsonWriter(buffer, s_plain);
        json.WriteStartObject();
        json.WriteString("type"u8, type);
        json.WriteString("room"u8, room);
        json.WriteString("epoch"u8, epoch);
        json.WriteNumber("order"u8, order);
        json.WriteNumber("timestamp"u8, timestamp);
        return json;
    }

    private static void Write(Utf8JsonWriter json, FrontEvent message)
    {
        json.WriteNumber("seq"u8, message.Sequence);
        if (message.From is { } from)
            json.WriteString("from"u8, from);
        if (message.IsService)
            json.WriteBoolean("service"u8, true);
        if (message.Kind == FrontEventKind.Text)
            json.WriteString("text"u8, message.Body);
        if (message.Kind == FrontEventKind.Binary)
            json.WriteBase64String("binary"u8, message.Body);
    }
}
