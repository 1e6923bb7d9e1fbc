namespace Realtime.Client;

/// <summary>Something that was asked for was refused, or did not come about.</summary>
/// <param name="code">A code of the protocol, or one of <see cref="RealtimeErrorCodes"/>.</param>
/// <param name="message">What was wrong, and what is allowed.</param>
public sealed class RealtimeException(string code, string message) : Exception(message)
{
    /// <summary>A code of the protocol, or one of <see cref="RealtimeErrorCodes"/>.</summary>
    public string Code { get; } = code;

    /// <summary>The room that it is about, if it is about one.</summary>
    public string? Room { get; init; }

    /// <summary>With the code <c>rate_limited</c>: when there is place again.</summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>The codes of <see cref="RealtimeException.Code"/> that are of this client, and those of the protocol that a program acts on.</summary>
public static class RealtimeErrorCodes
{
    /// <summary>Not connected, or no longer: the connection was lost before the answer, or the client has stopped.</summary>
    public const string Offline = "offline";

    /// <summary>The connection was lost before the answer to a direct message, which may have arrived.</summary>
    public const string Unconfirmed = "unconfirmed";

    /// <summary>There was no answer in time.</summary>
    public const string Timeout = "timeout";

    /// <summary>As much waits for answers as may: <see cref="RealtimeClientOptions.OutboxMessages"/>, <see cref="RealtimeClientOptions.OutboxBytes"/>.</summary>
    public const string QueueFull = "queue_full";

    /// <summary>The frame would be larger than <see cref="RealtimeClientOptions.MaxMessageBytes"/>, or than the server takes.</summary>
    public const string TooBig = "too_big";

    /// <summary>The room was left meanwhile.</summary>
    public const string Left = "left";

    /// <summary>The server has taken the user out of the room.</summary>
    public const string Removed = "removed";

    /// <summary>The room was not joined, or is no longer.</summary>
    public const string NotJoined = "not_joined";

    /// <summary>A key of a room's state does not have the version that <see cref="ChangeOptions.IfVersion"/> says; the message says which it has.</summary>
    public const string VersionConflict = "version_conflict";

    /// <summary>A room's state has as many keys or bytes as it may. Deleting is always possible.</summary>
    public const string StateFull = "state_full";

    /// <summary>The server's answer is not as the protocol has it.</summary>
    public const string Unreadable = "unreadable";

    /// <summary>The server calls a method that this client does not have.</summary>
    internal const string UnknownMethod = "unknown_method";

    internal const string CallFailed = "call_failed";
    internal const string TooManyCalls = "too_many_calls";
    internal const string AlreadyJoined = "already_joined";
    internal const string TokenInvalid = "token_invalid";

    /// <summary>Whether it may pass by itself.</summary>
    internal static bool Passes(string code) => code is "unavailable" or "internal" or "rate_limited";
}
