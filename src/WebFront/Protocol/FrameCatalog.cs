namespace Realtime.WebFront.Protocol;

/// <summary>A form that frames of a type have. A type may have several.</summary>
/// <param name="Type">The value of <c>type</c>.</param>
/// <param name="Required">Fields that are there, with a space between.</param>
/// <param name="Optional">Fields that may be there.</param>
internal sealed record FrameForm(string Type, string Required, string Optional = "")
{
    public string[] RequiredFields { get; } = Split(Required);

    public string[] OptionalFields { get; } = Split(Optional);

    /// <summary>Whether a frame with these fields, <c>type</c> among them, has this form.</summary>
    public bool Fits(string type, IReadOnlyCollection<string> fields) =>
        type == Type && RequiredFields.All(fields.Contains)
        && fields.All(field => field == "type" || RequiredFields.Contains(field) || OptionalFields.Contains(field));

    private static string[] Split(string fields) => fields.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>
/// All frames of the protocol, both ways. The tables of docs/protocol.md have the same; tests compare both with what a front
/// accepts and sends. A new frame or field is entered here.
/// </summary>
internal static class FrameCatalog
{
    /// <summary>What clients send. Any other field is passed over.</summary>
    public static readonly FrameForm[] Client =
    [
        new("join", "room", "id epoch seq last echo data presence state"),
        new("leave", "room", "id"),
        new("update", "room data", "id"),
        new("message", "room", "id content data echo ephemeral key if ttl deleted traceparent"),
        new("message", "to", "id content data"),
        new("members", "room", "id after limit"),
        new("history", "room", "id before limit epoch"),
        new("inbox", "", "id epoch seq"),
        new("ping", "", "id"),
        new("refresh", "token", "id"),
        new("call", "id method", "data"),
        new("result", "id", "data"),
        new("error", "id code", "content"),
    ];

    /// <summary>What servers send.</summary>
    public static readonly FrameForm[] Server =
    [
        new("joined", "room epoch seq members", "id recovered last by order users data next"),
        new("left", "room", "id by"),
        new("ack", "id room epoch seq"),
        new("ack", "id room"),
        new("inbox", "epoch seq", "id recovered"),
        new("ack", "id to connections"),
        new("ack", "id to connections epoch seq"),
        new("updated", "id room"),
        new("members", "room members users", "id order data next"),
        new("history", "room messages more", "id epoch"),
        new("pong", "timestamp connection", "id"),
        new("error", "code content", "id room to retryAfter"),
        new("refreshed", "", "id expires"),
        new("call", "id method", "data"),
        new("result", "id", "data"),
        new("message", "room epoch seq timestamp", "from service content data key expires deleted"),
        new("message", "room ephemeral timestamp", "from service content data key"),
        new("message", "timestamp", "to from service content data"),
        new("message", "to epoch seq timestamp", "from service content data"),
        new("excluded", "room epoch seq"),
        new("excluded", "room epoch seq timestamp key", "from service content data expires deleted"),
        new("state", "room entries more"),
        new("join", "room from", "data order"),
        new("leave", "room from", "order"),
        new("update", "room from", "data order"),
        new("presence", "room members", "order"),
        new("dropped", "room", "epoch from to presence"),
        new("dropped", "direct", "sender service"),
        new("dropped", "inbox epoch from to"),
    ];

    /// <summary>What stands in the <c>messages</c> of <c>history</c>.</summary>
    public static readonly FrameForm[] History =
    [
        new("message", "room epoch seq timestamp", "from service content data key expires deleted"),
        new("text", "room content epoch seq timestamp"),
        new("binary", "room data epoch seq timestamp"),
    ];

    /// <summary>What stands in the <c>entries</c> of <c>state</c>, without a type.</summary>
    public static readonly FrameForm StateEntry = new("", "key seq timestamp", "from service content data expires");

    /// <summary>The types that a client may send, in words: "join, leave or ping".</summary>
    public static string ClientTypes { get; } = InWords([.. Client.Select(form => form.Type).Distinct()]);

    private static string InWords(string[] words) => $"{string.Join(", ", words[..^1])} or {words[^1]}";
}
