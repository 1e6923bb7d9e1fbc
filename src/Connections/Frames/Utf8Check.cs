using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Realtime.Connections.Frames;

/// <summary>Checks text that comes in pieces, which may end inside a character (RFC 6455 section 8.1).</summary>
internal static class Utf8Check
{
    /// <summary>Checks what can be checked so far; false as soon as no continuation could make it valid.</summary>
    /// <param name="text">Everything that has come and was not found valid yet.</param>
    /// <param name="valid">How many bytes need not be looked at again.</param>
    public static bool Advance(ReadOnlySpan<byte> text, out int valid)
    {
        int end = text.Length;
        // A character is at most four bytes long, so an unfinished one starts in the last three.
        for (int i = text.Length - 1; i >= Math.Max(0, text.Length - 3); i--)
        {
            if ((text[i] & 0xC0) == 0x80)
                continue;
            if (Rune.DecodeFromUtf8(text[i..], out _, out _) == OperationStatus.NeedMoreData)
                end = i;
            break;
        }
        valid = end;
        return Utf8.IsValid(text[..end]);
    }
}
