namespace Realtime.Client;

/// <summary>What a key of a room's state has: what the message said that has set it last. It does not change.</summary>
public sealed class RoomEntry
{
    internal RoomEntry(string key, long version) => (Key, Version) = (key, version);

    /// <summary>The key.</summary>
    public string Key { get; }

    /// <summary>The sequence of the message that has set it, in the room's epoch: for <see cref="ChangeOptions.IfVersion"/>.</summary>
    public long Version { get; }

    /// <summary>The user who set it; null when a service did and named none, and when this client did without an echo.</summary>
    public string? From { get; internal init; }

    /// <summary>Whether a service set it: then <see cref="From"/> is no user, whatever name it is.</summary>
    public bool IsService { get; internal init; }

    /// <summary>Its text, if it has one.</summary>
    public string? Content { get; internal init; }

    /// <summary>Its data, if it has some.</summary>
    public JsonData Data { get; internal init; }

    /// <summary>When the room took it.</summary>
    public DateTimeOffset Timestamp { get; internal init; }

    /// <summary>When it ends by itself; null when it does not.</summary>
    public DateTimeOffset? Expires { get; internal init; }
}

/// <summary>How a key of a room's state is changed.</summary>
public record ChangeOptions
{
    /// <summary>The <see cref="RoomEntry.Version"/> that the key must have, 0 for a key that must not be there; else it fails with <see cref="RealtimeErrorCodes.VersionConflict"/>. By default it may be any.</summary>
    public long? IfVersion { get; init; }

    /// <inheritdoc cref="PublishOptions.Id"/>
    public string? Id { get; init; }

    /// <inheritdoc cref="PublishOptions.Timeout"/>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Whether this client gets the message itself; by default as <see cref="JoinOptions.Echo"/> of the room. <see cref="RealtimeRoom.State"/> has the change in either case.</summary>
    public bool? Echo { get; init; }
}

/// <summary>How a key of a room's state is set.</summary>
public sealed record SetOptions : ChangeOptions
{
    /// <summary>After this time the key is gone: 100 ms to 365 days, whole milliseconds count. Without it the key stays, also when it had a time before.</summary>
    public TimeSpan? TimeToLive { get; init; }
}
