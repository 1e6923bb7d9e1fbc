using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace Realtime.WebFront.Protocol;

/// <summary>Writes pieces of JSON text into a buffer, without anything in between.</summary>
internal static class JsonText
{
    // Frames never stand in HTML, and escaping more than JSON asks for only makes them longer.
    public static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    // The encoder's worst case: a control character of one byte becomes six, \u0001.
    private const int WorstExpansion = 6;

    /// <summary>A string with its quotes, escaped.</summary>
    public static void WriteString(this IBufferWriter<byte> buffer, ReadOnlySpan<char> value)
    {
        Span<byte> small = stackalloc byte[256];
        var most = Encoding.UTF8.GetMaxByteCount(value.Length);
        var utf8 = most <= small.Length ? small : new byte[most];
        Utf8.FromUtf16(value, utf8, out _, out var written);
        buffer.WriteUtf8String(utf8[..written]);
    }

    /// <inheritdoc cref="WriteString"/>
    public static void WriteUtf8String(this IBufferWriter<byte> buffer, ReadOnlySpan<byte> utf8)
    {
        var target = buffer.GetSpan(utf8.Length * WorstExpansion + 2);
        target[0] = (byte)'"';
        Encoder.EncodeUtf8(utf8, target[1..], out _, out var written);
        target[written + 1] = (byte)'"';
        buffer.Advance(written + 2);
    }

    public static void WriteNumber(this IBufferWriter<byte> buffer, long value)
    {
        const int longestInt64 = 20; // -9223372036854775808
        value.TryFormat(buffer.GetSpan(longestInt64), out var written, default, System.Globalization.CultureInfo.InvariantCulture);
        buffer.Advance(written);
    }

    /// <summary>A string with its quotes, as an array to keep.</summary>
    public static byte[] Quoted(string value)
    {
        var buffer = new ArrayBufferWriter<byte>(value.Length + 2);
        buffer.WriteString(value);
        return buffer.WrittenSpan.ToArray();
    }
}
