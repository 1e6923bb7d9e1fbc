namespace Realtime.Grains;

/// <summary>
/// The key of a user's inbox, which is a room of its own kind: no name begins with white space (<see cref="Names"/>), so no room that
/// anybody can name is an inbox.
/// </summary>
internal static class InboxKey
{
    private const string Prefix = " inbox:";

    /// <summary>For <c>LIKE</c> in SQL: what all keys begin with.</summary>
    public const string SqlPattern = Prefix + "%";

    public static string Of(string user) => Prefix + user;

    /// <summary>Whose inbox it is; null when it is the key of a room.</summary>
    public static string? UserOf(string key) => key.StartsWith(Prefix, StringComparison.Ordinal) ? key[Prefix.Length..] : null;
}
