using System.Buffers;
using System.IO.Compression;

namespace Realtime.Connections.Frames;

/// <summary>Compression as in permessage-deflate (RFC 7692) without context takeover: each message is compressed by itself.</summary>
internal static class Deflate
{
    /// <summary>The window is 2 to the power of this, in bytes.</summary>
    public const int LeastWindowBits = 8, MostWindowBits = 15;

    /// <summary>Below this a message rarely shrinks by more than the time it costs.</summary>
    public const int Threshold = 256;

    private const int FlushMarker = 4; // taken off the end of a message (section 7.2.1)

    private static readonly ZLibCompressionOptions s_usual = new() { CompressionLevel = 1 };

    // Nothing is repeated from further back than the last byte, which costs less than the smallest window and saves as much.
    private static readonly ZLibCompressionOptions s_noWindow = new() { CompressionLevel = 1, CompressionStrategy = ZLibCompressionStrategy.RunLengthEncoding };

    /// <summary>Compresses every message of a buffer of whole, unmasked frames that is worth it.</summary>
    /// <param name="frames">The frames.</param>
    /// <param name="windowBits">What the receiver keeps of the past.</param>
    public static byte[] Compress(byte[] frames, int windowBits)
    {
        var result = new ArrayBufferWriter<byte>(frames.Length);
        for (int at = 0; at < frames.Length;)
        {
            var frame = frames.AsSpan(at);
            var (head, payload) = FrameHeader.ReadOwn(frame);
            at += head + payload;
            var compressed = payload < Threshold ? null : CompressMessage(frame.Slice(head, payload), windowBits);
            if (compressed is null || compressed.Length >= payload)
            {
                result.Write(frame[..(head + payload)]);
                continue;
            }
            var target = result.GetSpan(FrameHeader.MaxServerSize);
            result.Advance(FrameHeader.Write(target, (byte)(frame[0] | FrameHeader.Rsv1), compressed.Length));
            result.Write(compressed);
        }
        return result.WrittenSpan.ToArray();
    }

    // .NET's deflate always has the largest window. For a smaller one the message goes in pieces of its size, each with a past of its own:
    // nothing in a piece can refer to more than it holds.
    private static byte[] CompressMessage(ReadOnlySpan<byte> payload, int windowBits)
    {
        var options = windowBits == LeastWindowBits ? s_noWindow : s_usual;
        int most = windowBits is LeastWindowBits or MostWindowBits ? payload.Length : 1 << windowBits;
        using var target = new MemoryStream(payload.Length);
        for (var rest = payload; !rest.IsEmpty;)
        {
            var piece = rest[..Math.Min(rest.Length, most)];
            rest = rest[piece.Length..];
            using var deflate = new DeflateStream(target, options, leaveOpen: true);
            deflate.Write(piece);
            deflate.Flush(); // ends at a byte, with the marker
            long end = target.Length;
            deflate.Dispose();
            target.SetLength(end); // without the last block of the piece
        }
        return target.GetBuffer().AsSpan(0, (int)target.Length - FlushMarker).ToArray();
    }
}
