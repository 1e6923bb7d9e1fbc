using System.Buffers;
using Microsoft.Extensions.Primitives;

namespace Realtime.Connections;

/// <summary>The small parts of header syntax (RFC 9110 section 5.6) that the upgrade needs.</summary>
internal static class HeaderText
{
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    public static bool IsToken(ReadOnlySpan<char> text) => !text.IsEmpty && !text.ContainsAnyExcept(TokenCharacters);

    public static bool IsValue(string? text)
    {
        foreach (char c in text ?? "")
            if (char.IsControl(c) && c != '\t')
                return false;
        return text is not null;
    }

    /// <summary>Whether a header whose value is a comma separated list holds the token, in any case of letters.</summary>
    public static bool ListHas(StringValues values, string token)
    {
        foreach (var value in values)
            foreach (var part in value.AsSpan().Split(','))
                if (value.AsSpan()[part].Trim().Equals(token, StringComparison.OrdinalIgnoreCase))
                    return true;
        return false;
    }
}
