using System.Buffers;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace Realtime.Connections.Upgrade;

/// <summary>The small parts of header syntax (RFC 9110 section 5.6) that the upgrade needs.</summary>
internal static class HeaderText
{
    private const string Blanks = " \t";

    private static readonly SearchValues<char> s_tokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    public static bool IsToken(ReadOnlySpan<char> text) => !text.IsEmpty && !text.ContainsAnyExcept(s_tokenCharacters);

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

    /// <summary>Reads a header that is a list of tokens; false when it is not, or a value of it names none.</summary>
    public static bool TryParseTokens(StringValues values, out List<string> tokens)
    {
        tokens = [];
        foreach (var value in values)
        {
            int before = tokens.Count;
            var rest = value.AsSpan();
            while (SkipEmptyElements(ref rest))
            {
                if (!TryTakeToken(ref rest, out string token) || !(rest.IsEmpty || rest[0] == ','))
                    return false;
                tokens.Add(token);
            }
            if (tokens.Count == before)
                return false;
        }
        return true;
    }

    /// <summary>Goes to the next element of a list, past empty ones, which are to be ignored; false at the end.</summary>
    public static bool SkipEmptyElements(ref ReadOnlySpan<char> rest)
    {
        rest = rest.TrimStart(Blanks + ",");
        return !rest.IsEmpty;
    }

    /// <summary>Takes a character, if it comes next, and the blanks around it.</summary>
    public static bool TryTake(ref ReadOnlySpan<char> rest, char c)
    {
        rest = rest.TrimStart(Blanks);
        if (rest.IsEmpty || rest[0] != c)
            return false;
        rest = rest[1..].TrimStart(Blanks);
        return true;
    }

    /// <summary>Takes a token and the blanks behind it.</summary>
    public static bool TryTakeToken(ref ReadOnlySpan<char> rest, out string token)
    {
        int end = rest.IndexOfAnyExcept(s_tokenCharacters);
        token = rest[..(end < 0 ? rest.Length : end)].ToString();
        rest = rest[token.Length..].TrimStart(Blanks);
        return token.Length > 0;
    }

    /// <summary>Takes a token that may be written as a quoted string (RFC 6455 section 9.1).</summary>
    public static bool TryTakeTokenOrQuoted(ref ReadOnlySpan<char> rest, out string? token)
    {
        if (rest.IsEmpty || rest[0] != '"')
            return TryTakeToken(ref rest, out token!);
        var text = new StringBuilder();
        for (int i = 1; i < rest.Length; i++)
        {
            if (rest[i] == '"')
            {
                token = text.ToString();
                rest = rest[(i + 1)..].TrimStart(Blanks);
                return IsToken(token);
            }
            if (rest[i] == '\\' && ++i == rest.Length)
                break;
            text.Append(rest[i]);
        }
        token = null;
        return false;
    }
}
