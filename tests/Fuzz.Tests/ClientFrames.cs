using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Realtime.Fuzz.Tests;

/// <summary>A frame as a client may send it, right or wrong (RFC 6455 section 5.2).</summary>
/// <param name="First">The first byte: FIN, reserved bits and opcode.</param>
/// <param name="Payload">What it carries, unmasked.</param>
internal sealed record ClientFrame(int First, byte[] Payload)
{
    /// <summary>Whether the mask bit is set and the payload masked.</summary>
    public bool Masked { get; init; } = true;

    /// <summary>The mask.</summary>
    public uint Key { get; init; } = 0x5A17C3E9;

    /// <summary>Bytes of the length field: 0 for the shortest form, or 1, 2, 8.</summary>
    public int LengthForm { get; init; }

    /// <summary>The length that it claims; null for the true one.</summary>
    public ulong? Claim { get; init; }

    public byte[] Encode()
    {
        ulong length = Claim ?? (ulong)Payload.Length;
        int form = LengthForm != 0 ? LengthForm : length < 126 ? 1 : length <= ushort.MaxValue ? 2 : 8;
        int head = 2 + (form == 1 ? 0 : form);
        var bytes = new byte[head + (Masked ? 4 : 0) + Payload.Length];
        bytes[0] = (byte)First;
        bytes[1] = (byte)((Masked ? 0x80 : 0) | (form switch { 1 => (int)(length % 126), 2 => 126, _ => 127 }));
        if (form == 2)
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)length);
        else if (form == 8)
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(2), length);
        if (Masked)
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(head), Key);
        for (int i = 0, at = bytes.Length - Payload.Length; i < Payload.Length; i++)
            bytes[at + i] = (byte)(Payload[i] ^ (Masked ? Key >> (24 - 8 * (i % 4)) : 0));
        return bytes;
    }
}

/// <summary>Frames that are right.</summary>
internal static class ClientFrames
{
    public const int Fin = 0x80, Rsv1 = 0x40;

    public static byte[] Text(string text) => new ClientFrame(Fin | ServerFrame.Text, Encoding.UTF8.GetBytes(text)).Encode();

    /// <summary>A command that is answered by a <c>pong</c> with the same id.</summary>
    public static string Ping(string id) => $$"""{"type":"ping","id":"{{id}}"}""";

    /// <summary>Compresses a message (RFC 7692 section 7.2.1), or with the last block of a stream.</summary>
    public static byte[] Deflate(ReadOnlySpan<byte> text, int level, ZLibCompressionStrategy strategy, bool isLast)
    {
        var data = new MemoryStream();
        using (var deflater = new DeflateStream(data, new ZLibCompressionOptions { CompressionLevel = level, CompressionStrategy = strategy }, leaveOpen: true))
        {
            deflater.Write(text);
            if (!isLast)
            {
                deflater.Flush();
                return text.IsEmpty ? [0] : data.ToArray()[..^4]; // section 7.2.3.6: .NET gives nothing for nothing
            }
        }
        return text.IsEmpty ? [3, 0] : data.ToArray();
    }
}
