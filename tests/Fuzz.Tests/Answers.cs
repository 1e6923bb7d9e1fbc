using System.Text.Json;

namespace Realtime.Fuzz.Tests;

/// <summary>What holds for everything that the server says, whatever it was asked.</summary>
internal static class Answers
{
    /// <summary>docs/protocol.md, Error codes.</summary>
    private static readonly HashSet<string> s_codes =
    [
        "bad_request", "unknown_type", "room_missing", "name_invalid", "content_too_long", "already_joined", "not_joined",
        "too_many_rooms", "room_full", "unknown_method", "id_conflict", "position_invalid", "unauthorized", "forbidden", "room_not_found", "user_not_found", "connection_not_found",
        "not_found", "method_not_allowed", "not_acceptable", "request_timeout", "unsupported_media_type", "upgrade_required",
    ];

    private static readonly HashSet<string> s_types =
    [
        "joined", "left", "ack", "members", "history", "pong", "error", "message", "join", "leave", "update", "updated", "presence", "dropped", "inbox",
    ];

    /// <summary>The <c>id</c> of an answer, empty when it has none; null for a frame that answers nothing.</summary>
    public static string? Check(string text, string user)
    {
        using var json = Parse(text);
        var root = json.RootElement;
        var type = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("type", out var field) ? field.GetString() : null;
        if (type is null || !s_types.Contains(type))
            throw new FuzzFailure($"the server sent {Short(text)}");
        if (type == "message" && root.TryGetProperty("to", out var to) && to.GetString() != user)
            throw new FuzzFailure($"{user} got what was meant for somebody else: {Short(text)}");
        if (type == "error")
        {
            CheckCode(root, text);
            CheckWords(root.GetProperty("content").GetString()!);
        }
        else if (type is "message" or "join" or "leave" or "update" or "presence" or "dropped" || (type == "joined" && !root.TryGetProperty("id", out _)))
            return null;
        return root.TryGetProperty("id", out var id) ? id.GetString() : "";
    }

    /// <summary>The body of an answer of the HTTP API that refuses is a problem with a code (RFC 9457).</summary>
    public static void CheckProblem(HttpAnswer answer)
    {
        var text = System.Text.Encoding.UTF8.GetString(answer.Body);
        if (answer.Headers["Content-Type"].FirstOrDefault()?.StartsWith("application/problem+json", StringComparison.Ordinal) != true)
            throw new FuzzFailure($"{answer.Status} without a problem: {Short(text)}");
        using var json = Parse(text);
        CheckCode(json.RootElement, text);
        CheckWords(text);
    }

    /// <summary>Words for people, in which the framework's do not belong.</summary>
    public static void CheckWords(string text)
    {
        if (text.Contains("System.", StringComparison.Ordinal) || text.Contains("Exception", StringComparison.Ordinal) || text.Contains("   at ", StringComparison.Ordinal)
            || text.Contains("Realtime.", StringComparison.Ordinal) || text.Contains("BytePositionInLine", StringComparison.Ordinal))
            throw new FuzzFailure($"words of the framework: {Short(text)}");
    }

    public static JsonDocument Parse(string text)
    {
        try
        {
            return JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 1000 });
        }
        catch (JsonException)
        {
            throw new FuzzFailure($"the server sent what is no JSON: {Short(text)}");
        }
    }

    public static string Short(string text) => text.Length <= 300 ? text : text[..300] + "...";

    private static void CheckCode(JsonElement error, string text)
    {
        if (!error.TryGetProperty("code", out var code) || code.GetString() is not { } name)
            throw new FuzzFailure($"an error without a code: {Short(text)}");
        if (!s_codes.Contains(name))
            throw new FuzzFailure($"an error with the code {name}: {Short(text)}");
    }
}
