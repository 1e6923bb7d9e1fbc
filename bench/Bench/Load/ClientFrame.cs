using System.Buffers.Binary;
using System.Text;

namespace Realtime.Bench.Load;

/// <summary>What a client sends (RFC 6455): the upgrade request, and masked frames.</summary>
internal static class ClientFrame
{
    // The sample key of RFC 6455, section 1.3, and what the server has to make of it.
    private const string Key = "dGhlIHNhbXBsZSBub25jZQ==";
    public static ReadOnlySpan<byte> Accept => "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="u8;

    public const int Text = 1, Close = 8, Ping = 9, Pong = 10;

    private const uint Mask = 0x5A17C36B; // any will do: nobody is between us and the server

    public static byte[] Upgrade(string path, int port) => Encoding.ASCII.GetBytes(
        $"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        $"Sec-WebSocket-Key: {Key}\r\nSec-WebSocket-Version: 13\r\n\r\n");

    /// <summary>The most that a frame adds to its content.</summary>
    public const int Overhead = 14;

    /// <summary>Writes a frame whose content is these parts; returns its length.</summary>
    public static int Write(Span<byte> target, int opcode, ReadOnlySpan<byte> before, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> after)
    {
        var length = before.Length + payload.Length + after.Length;
        target[0] = (byte)(0x80 | opcode);
        int header;
        if (length < 126)
        {
            target[1] = (byte)(0x80 | length);
            header = 2;
        }
        else if (length <= ushort.MaxValue)
        {
            target[1] = 0x80 | 126;
            BinaryPrimitives.WriteUInt16BigEndian(target[2..], (ushort)length);
            header = 4;
        }
        else
        {
            target[1] = 0x80 | 127;
            BinaryPrimitives.WriteUInt64BigEndian(target[2..], (ulong)length);
            header = 10;
        }
        BinaryPrimitives.WriteUInt32LittleEndian(target[header..], Mask);
        header += 4;
        var content = target.Slice(header, length);
        before.CopyTo(content);
        payload.CopyTo(content[before.Length..]);
        after.CopyTo(content[(before.Length + payload.Length)..]);
        var i = 0;
        for (; i + 4 <= length; i += 4)
            BinaryPrimitives.WriteUInt32LittleEndian(content[i..], BinaryPrimitives.ReadUInt32LittleEndian(content[i..]) ^ Mask);
        for (; i < length; i++)
            content[i] ^= (byte)(Mask >> (8 * (i & 3)));
        return header + length;
    }
}
