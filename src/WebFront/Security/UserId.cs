using System.Text;

namespace Realtime.WebFront.Security;

/// <summary>What a user can be called, however the name came: it is a grain's key, and goes to other clients.</summary>
public static class UserId
{
    /// <summary>Bytes of UTF-8, as for a room's name.</summary>
    public const int MaxSize = 128;

    /// <summary>The rule in words, for messages.</summary>
    public const string Rule = "1 to 128 bytes of UTF-8 without control characters";

    // Throws on half of a surrogate pair, which has no UTF-8.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Whether <paramref name="name"/> follows <see cref="Rule"/>.</summary>
    public static bool IsValid(string? name)
    {
        // A UTF-16 unit takes at least one byte, so that a huge name is refused before it is walked.
        if (string.IsNullOrEmpty(name) || name.Length > MaxSize || name.Any(char.IsControl))
            return false;

        try
        {
            return Strict.GetByteCount(name) <= MaxSize;
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }
}
