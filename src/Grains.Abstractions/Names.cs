using System.Text;

namespace Realtime.Grains;

/// <summary>Bounds that are part of the public API.</summary>
public static class Limits
{
    /// <summary>The longest room name and user id, in bytes of UTF-8.</summary>
    public const int NameBytes = 128;

    /// <summary>The longest publish id, in bytes of UTF-8.</summary>
    public const int IdBytes = 128;

    /// <summary>The most entries on a page.</summary>
    public const int PageSize = 1000;

    /// <summary>The most messages on a page of history.</summary>
    public const int HistoryPage = 100;

    /// <summary>
    /// The most bytes of bodies on a page of history, unless its only message has more: a frame that clients, and the queue of
    /// one that reads slowly, take well.
    /// </summary>
    public const int HistoryBytes = 256 * 1024;
}

/// <summary>
/// Which room names and user ids are allowed: 1 to <see cref="Limits.NameBytes"/> bytes of UTF-8, no control
/// characters (they break logs and terminals), no unpaired surrogates (they have no UTF-8).
/// </summary>
public static class Names
{
    /// <summary>The rule in words, for messages.</summary>
    public const string Rule = "1 to 128 bytes of UTF-8 without control characters";

    /// <summary>Says what is wrong with a name; null when nothing is.</summary>
    /// <param name="name">The name.</param>
    /// <param name="what">What it names, for the message: "room", "user".</param>
    public static string? Problem(string? name, string what)
    {
        if (string.IsNullOrEmpty(name))
            return $"The {what} name is empty; it must have 1 to {Limits.NameBytes} bytes of UTF-8.";
        // A UTF-16 unit is at least one byte, so a long string needs no counting.
        if (name.Length > Limits.NameBytes || Encoding.UTF8.GetByteCount(name) > Limits.NameBytes)
            return $"The {what} name is too long; it must have 1 to {Limits.NameBytes} bytes of UTF-8.";
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsControl(name[i]))
                return $"The {what} name has the control character U+{(int)name[i]:X4} at index {i}; control characters are not allowed.";
            if (char.IsHighSurrogate(name[i]) && i + 1 < name.Length && char.IsLowSurrogate(name[i + 1]))
                i++;
            else if (char.IsSurrogate(name[i]))
                return $"The {what} name has an unpaired surrogate at index {i}; it must be valid Unicode.";
        }
        return null;
    }

    /// <summary>Throws <see cref="ArgumentException"/> when the name is not allowed.</summary>
    public static void Check(string? name, string what)
    {
        if (Problem(name, what) is { } problem)
            throw new ArgumentException(problem);
    }
}
