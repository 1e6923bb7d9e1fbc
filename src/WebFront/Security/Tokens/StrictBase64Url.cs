using System.Buffers;
using System.Buffers.Text;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>
/// base64url as JOSE writes it (RFC 7515 section 2): the alphabet of RFC 4648 section 5, no padding, no white space, and
/// one spelling only for the same bytes. The framework's decoder is lenient about padding and white space.
/// </summary>
internal static class StrictBase64Url
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    private static readonly SearchValues<char> Allowed = SearchValues.Create(Alphabet);

    public static bool TryDecode(ReadOnlySpan<char> text, out byte[] bytes)
    {
        bytes = [];
        if (text.ContainsAnyExcept(Allowed))
            return false;

        // Four characters carry three bytes; a last group of two or three leaves four or two bits over, which must be zero.
        var unusedBits = (text.Length % 4) switch { 0 => 0, 2 => 0b1111, 3 => 0b11, _ => -1 };
        if (unusedBits < 0 || (unusedBits > 0 && (Alphabet.IndexOf(text[^1]) & unusedBits) != 0))
            return false;

        bytes = Base64Url.DecodeFromChars(text);
        return true;
    }
}
