namespace Realtime.Grains;

/// <summary>What a key of a room's state has.</summary>
/// <param name="Key">The key.</param>
/// <param name="Sequence">The key's version: the number of the message that has set it.</param>
/// <param name="Body">
/// The <c>content</c> and <c>data</c> members of that message as JSON text: <c>"content":"hi","data":{}</c>. Empty where a log is told that the key
/// is deleted.
/// </param>
[GenerateSerializer, Immutable, Alias("realtime.state.entry")]
public sealed record StateEntry([property: Id(0)] string Key, [property: Id(1)] long Sequence, [property: Id(2)] byte[] Body)
{
    /// <summary>The user who has set it, or the name that a service has given; null for none.</summary>
    [Id(3)] public string? From { get; init; }

    /// <summary>A service has set it.</summary>
    [Id(4)] public bool IsService { get; init; }

    /// <summary>When it was set, Unix milliseconds.</summary>
    [Id(5)] public long Timestamp { get; init; }

    /// <summary>From when on it is gone, Unix milliseconds; 0 for never.</summary>
    [Id(6)] public long Expires { get; init; }
}

/// <summary>A page of a room's state.</summary>
/// <param name="Position">The room's position, of which the page is; an empty epoch and 0 when nobody uses the room.</param>
/// <param name="Entries">In ordinal order of their keys.</param>
/// <param name="Next">The last key, to ask for the page after it; null when it is the last page.</param>
[GenerateSerializer, Immutable, Alias("realtime.state.page")]
public sealed record StatePage([property: Id(0)] Position Position, [property: Id(1)] StateEntry[] Entries, [property: Id(2)] string? Next);
