using System.Buffers.Text;

namespace Realtime.Bench.Load;

/// <summary>
/// A message's text: <c>@@(16 hex digits: when it was sent, nanoseconds)-(8 hex digits: its number)-xxx..</c>. It is found
/// anywhere in what a server sends, whatever it is wrapped in.
/// </summary>
internal static class Payload
{
    public const int HeaderLength = 28;

    public static byte[] Create(int length)
    {
        var payload = new byte[length];
        payload.AsSpan().Fill((byte)'x');
        return payload;
    }

    public static void Stamp(Span<byte> payload, long sentAt, int number)
    {
        payload[0] = payload[1] = (byte)'@';
        Utf8Formatter.TryFormat(sentAt, payload[2..], out _, new('x', 16));
        payload[18] = payload[27] = (byte)'-';
        Utf8Formatter.TryFormat(number, payload[19..], out _, new('x', 8));
    }

    /// <summary>Finds the next one; returns where it begins, or -1.</summary>
    public static int Find(ReadOnlySpan<byte> text, out long sentAt, out int number)
    {
        (sentAt, number) = (0, 0);
        var passed = 0;
        while (true)
        {
            var at = text[passed..].IndexOf("@@"u8);
            if (at < 0 || text.Length - passed - at < HeaderLength)
                return -1;
            passed += at;
            var header = text.Slice(passed, HeaderLength);
            if (header[18] == '-' && header[27] == '-')
            {
                sentAt = Hex(header.Slice(2, 16));
                number = (int)Hex(header.Slice(19, 8));
                return passed;
            }
            passed++;
        }
    }

    private static long Hex(ReadOnlySpan<byte> digits)
    {
        long value = 0;
        foreach (var digit in digits)
            value = (value << 4) | (uint)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
        return value;
    }
}
