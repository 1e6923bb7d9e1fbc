using System.Buffers.Binary;

namespace Realtime.Connections.Frames;

/// <summary>The head of a frame (RFC 6455 section 5.2), read and written.</summary>
internal static class FrameHeader
{
    public const int MaxServerSize = 10; // two bytes and a 64-bit length; what servers send is not masked (section 5.1)
    public const int MaxClientSize = 14; // and the masking key

    public const byte Fin = 0x80;
    public const byte Rsv1 = 0x40; // "compressed" once permessage-deflate is agreed (RFC 7692 section 6)
    public const byte Rsv23 = 0x30;
    public const byte OpcodeMask = 0x0F;
    public const byte Masked = 0x80;
    public const byte LengthMask = 0x7F;

    public const int MaxShort = 125; // longest payload whose length fits the second byte; also the bound of control frames (section 5.5)
    public const byte Length16 = 126;
    public const byte Length64 = 127;

    /// <summary>Bytes that the head of an unmasked frame takes.</summary>
    public static int Size(int payload) => payload <= MaxShort ? 2 : payload <= ushort.MaxValue ? 4 : 10;

    /// <summary>Writes the head of an unmasked frame and returns its size.</summary>
    public static int Write(Span<byte> target, byte first, int payload)
    {
        target[0] = first;
        if (payload <= MaxShort)
        {
            target[1] = (byte)payload;
            return 2;
        }
        if (payload <= ushort.MaxValue)
        {
            target[1] = Length16;
            BinaryPrimitives.WriteUInt16BigEndian(target[2..], (ushort)payload);
            return 4;
        }
        target[1] = Length64;
        BinaryPrimitives.WriteUInt64BigEndian(target[2..], (ulong)payload);
        return 10;
    }

    /// <summary>Reads where the payload of one of our own (unmasked, well formed) frames starts and how long it is.</summary>
    public static (int Head, int Payload) ReadOwn(ReadOnlySpan<byte> frame) => frame[1] switch
    {
        Length16 => (4, BinaryPrimitives.ReadUInt16BigEndian(frame[2..])),
        Length64 => (10, (int)BinaryPrimitives.ReadUInt64BigEndian(frame[2..])),
        var length => (2, length),
    };
}
