namespace Realtime.Grains;

/// <summary>Strings of .NET may hold half surrogate pairs, which have no UTF-8: encoders put U+FFFD there without a word.</summary>
internal static class UnicodeText
{
    /// <summary>The index of the first unpaired surrogate; -1 when there is none.</summary>
    public static int IndexOfUnpaired(ReadOnlySpan<char> text)
    {
        var at = 0;
        while (text[at..].IndexOfAnyInRange('\ud800', '\udfff') is var next and >= 0)
        {
            at += next;
            if (!char.IsHighSurrogate(text[at]) || at + 1 == text.Length || !char.IsLowSurrogate(text[at + 1]))
                return at;
            at += 2;
        }
        return -1;
    }
}
