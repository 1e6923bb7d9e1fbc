using Realtime.Grains;
using Realtime.Settings;

namespace Realtime.WebFront;

/// <summary>What a full queue means to the messages of a room.</summary>
public enum RoomPolicy
{
    /// <summary>The connection is closed with 4000; it comes back and resumes.</summary>
    Disconnect,

    /// <summary>The room's oldest queued messages are dropped; the client gets <c>dropped</c> with their numbers.</summary>
    DropOldest,

    /// <summary>Queued messages with a newer one of the same key behind them are dropped first, then the oldest; the client gets <c>dropped</c>.</summary>
    Conflate,
}

/// <summary>The policy of the rooms of a pattern.</summary>
public sealed class SlowConsumerRule : ISettings
{
    /// <summary>A room's name, or the beginning of names and <c>*</c>.</summary>
    public string Room { get; set; } = "";

    /// <summary>The name of a <see cref="RoomPolicy"/>. Text, so that another one is refused with what is allowed.</summary>
    public string Policy { get; set; } = "";

    /// <summary>
    /// For <see cref="RoomPolicy.Conflate"/>, and needed there: which member of a message's <c>data</c> is its key. The member's value is
    /// a string or a number, of 128 bytes at most as the message has it; any other message has no key and is never older than another.
    /// </summary>
    public string? Key { get; set; }

    internal RoomPolicy ParsedPolicy => Enum.Parse<RoomPolicy>(Policy, ignoreCase: true);

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        if (NamePattern.Problem(Room) is { } problem)
            yield return new(nameof(Room), $"is '{Room}': {problem}");
        var names = Enum.GetNames<RoomPolicy>();
        if (!names.Contains(Policy, StringComparer.OrdinalIgnoreCase))
        {
            yield return new(nameof(Policy), $"is '{Policy}'; it must be {string.Join(", ", names[..^1])} or {names[^1]}.");
            yield break;
        }
        if (ParsedPolicy == RoomPolicy.Conflate && string.IsNullOrEmpty(Key))
            yield return new(nameof(Key), "is missing; with Conflate it names the member of 'data' that is a message's key.");
        if (ParsedPolicy != RoomPolicy.Conflate && Key is not null)
            yield return new(nameof(Key), $"is '{Key}'; it is for Conflate only, and the policy is {ParsedPolicy}.");
    }
}
