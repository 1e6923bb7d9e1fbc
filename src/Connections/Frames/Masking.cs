using System.Numerics;
using System.Runtime.InteropServices;

namespace Realtime.Connections.Frames;

/// <summary>The masking of client frames (RFC 6455 section 5.3): each byte is combined with one byte of a four-byte key.</summary>
internal static class Masking
{
    /// <summary>Copies while unmasking.</summary>
    /// <param name="source">Masked payload.</param>
    /// <param name="target">Where it goes; at least as long.</param>
    /// <param name="key">The key in the order of its bytes in memory.</param>
    /// <returns>The key for the byte after the last, so that a payload can come in pieces.</returns>
    public static uint Unmask(ReadOnlySpan<byte> source, Span<byte> target, uint key)
    {
        int i = 0;
        if (source.Length >= Vector<byte>.Count)
        {
            var keys = Vector.AsVectorByte(new Vector<uint>(key)); // a vector's size is a multiple of four: the key stays aligned
            for (; i <= source.Length - Vector<byte>.Count; i += Vector<byte>.Count)
                (new Vector<byte>(source[i..]) ^ keys).CopyTo(target[i..]);
        }
        for (; i <= source.Length - sizeof(uint); i += sizeof(uint))
        {
            uint word = MemoryMarshal.Read<uint>(source[i..]) ^ key;
            MemoryMarshal.Write(target[i..], in word);
        }
        int rest = source.Length - i;
        for (int j = 0; j < rest; j++)
            target[i + j] = (byte)(source[i + j] ^ KeyByte(key, j));
        int bits = 8 * rest;
        return BitConverter.IsLittleEndian ? BitOperations.RotateRight(key, bits) : BitOperations.RotateLeft(key, bits);
    }

    private static byte KeyByte(uint key, int index) => (byte)(key >> (8 * (BitConverter.IsLittleEndian ? index : 3 - index)));
}
