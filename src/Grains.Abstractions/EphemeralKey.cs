using System.Text;

namespace Realtime.Grains;

/// <summary>Which keys ephemeral messages may have.</summary>
internal static class EphemeralKey
{
    /// <summary>Says what is wrong with a key, or with where it stands; null when nothing is, or there is none.</summary>
    public static string? Problem(string? key, bool isEphemeral)
    {
        if (key is null)
            return null;
        if (!isEphemeral)
            return "A key is for an ephemeral message only.";
        return key.Length is > 0 and <= Limits.IdBytes && Encoding.UTF8.GetByteCount(key) <= Limits.IdBytes && UnicodeText.IndexOfUnpaired(key) < 0
            ? null
            : $"A key must have 1 to {Limits.IdBytes} bytes of UTF-8.";
    }
}
