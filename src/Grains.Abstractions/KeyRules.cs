using System.Text;

namespace Realtime.Grains;

/// <summary>Which keys messages to a room may have, and what goes with a key. One rule for all ways in.</summary>
internal static class KeyRules
{
    /// <summary>Says what is wrong with the key, or with what stands beside it; null when nothing is.</summary>
    /// <param name="key">The key; null for none.</param>
    /// <param name="isEphemeral">Whether it is of an ephemeral message. Else it is one of the room's state.</param>
    /// <param name="ifVersion">The version that the key must have.</param>
    /// <param name="ttl">How long it lives, milliseconds.</param>
    /// <param name="isDeleted">Whether the key is deleted.</param>
    /// <param name="hasBody">Whether there is content or data.</param>
    public static string? Problem(string? key, bool isEphemeral, long? ifVersion, long? ttl, bool isDeleted, bool hasBody)
    {
        if (key is not null && !(key.Length is > 0 and <= Limits.IdBytes && Encoding.UTF8.GetByteCount(key) <= Limits.IdBytes && UnicodeText.IndexOfUnpaired(key) < 0))
            return $"A key must have 1 to {Limits.IdBytes} bytes of UTF-8.";
        if (ifVersion is null && ttl is null && !isDeleted)
            return null;
        if (key is null || isEphemeral)
            return "'if', 'ttl' and 'deleted' are for a message with a 'key' that is not ephemeral.";
        if (ifVersion < 0)
            return $"'if' is {ifVersion}; it must be the number of the message that has set the key, or 0 for none.";
        if (ttl is < Limits.LeastStateTtl or > Limits.MostStateTtl)
            return $"'ttl' is {ttl}; it must be from {Limits.LeastStateTtl} to {Limits.MostStateTtl} milliseconds.";
        if (isDeleted && ttl is not null)
            return "A message with 'deleted' has no 'ttl'.";
        return isDeleted && hasBody ? "A message with 'deleted' has neither 'content' nor 'data'." : null;
    }
}
