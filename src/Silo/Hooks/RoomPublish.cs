using System.Text.Json;

namespace Realtime.Silo.Hooks;

/// <summary>A message as a hook sees it.</summary>
public sealed record RoomPublish
{
    private (string? Content, string? Data)? _parts;

    /// <summary>The room's name.</summary>
    public required string Room { get; init; }

    /// <summary>
    /// <see cref="FrontEventKind.Message"/>, <see cref="FrontEventKind.Ephemeral"/> for a message that is not kept, or a
    /// <see cref="FrontEventKind.Text"/> or <see cref="FrontEventKind.Binary"/> frame of a service.
    /// </summary>
    public required FrontEventKind Kind { get; init; }

    /// <summary>The user who sends it, or the name that a service gives; null for none.</summary>
    public string? From { get; init; }

    /// <summary>A service sends it, by a grain or over HTTP.</summary>
    public bool IsService { get; init; }

    /// <summary>The id of the publish; null for none.</summary>
    public string? Id { get; init; }

    /// <summary>The key of the room's state that the message sets; of an ephemeral message its key. Null for none.</summary>
    public string? Key { get; init; }

    /// <summary>The message deletes the key; it has neither content nor data, and cannot be replaced.</summary>
    public bool IsDeleted { get; init; }

    /// <summary>Of a message its JSON members without braces, <c>"content":"hi","data":{}</c>; of a frame its payload. Not to be changed.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The text of a message; null for none, and for frames.</summary>
    public string? Content => Parts.Content;

    /// <summary>The data of a message as JSON text; null for none, and for frames.</summary>
    public string? Data => Parts.Data;

    private (string? Content, string? Data) Parts => _parts ??= Kind is FrontEventKind.Message or FrontEventKind.Ephemeral ? Parse() : default;

    private (string?, string?) Parse()
    {
        byte[] json = [(byte)'{', .. Body.Span, (byte)'}'];
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        return (root.TryGetProperty("content", out var content) ? content.GetString() : null, root.TryGetProperty("data", out var data) ? data.GetRawText() : null);
    }
}
