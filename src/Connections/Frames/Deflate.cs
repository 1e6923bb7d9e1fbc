using System.Buffers;
using System.IO.Compression;

namespace Realtime.Connections;

/// <summary>permessage-deflate (RFC 7692) without context takeover: each message is compressed by itself.</summary>
internal static class Deflate
{
    /// <summary>Below this a message rarely shrinks by more than the time it costs.</summary>
    public const int Threshold = 256;

    // What a sender takes off the end of a message (section 7.2.1), and then an empty last block so that the inflater can tell a whole
    // message from a cut one.
    private static readonly byte[] Tail = [0x00, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x00, 0xFF, 0xFF];
    private const int FlushMarker = 4;

    /// <summary>Compresses every message of a buffer of whole, unmasked frames that is worth it.</summary>
    public static byte[] Compress(byte[] frames)
    {
        var result = new ArrayBufferWriter<byte>(frames.Length);
        for (int at = 0; at < frames.Length;)
        {
            var frame = frames.AsSpan(at);
            var (head, payload) = FrameHeader.ReadOwn(frame);
            at += head + payload;
            var compressed = payload < Threshold ? null : CompressMessage(frame.Slice(head, payload));
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

    private static byte[] CompressMessage(ReadOnlySpan<byte> payload)
    {
        using var target = new MemoryStream(payload.Length);
        using (var deflate = new DeflateStream(target, CompressionLevel.Fastest, leaveOpen: true))
        {
            deflate.Write(payload);
            deflate.Flush(); // ends with the marker of section 7.2.1, which is taken off
            return target.GetBuffer().AsSpan(0, (int)target.Length - FlushMarker).ToArray();
        }
    }

    /// <summary>Inflates one message into a pooled array.</summary>
    /// <exception cref="ReceiveException">1009 when it grows over the limit, 1007 when it is not valid deflate data.</exception>
    public static (byte[] Array, int Length) Inflate(ReadOnlyMemory<byte> payload, int limit)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(payload.Length * 4L, 256, Math.Max(256, limit)));
        int length = 0;
        try
        {
            using var inflate = new DeflateStream(new PayloadStream(payload), CompressionMode.Decompress);
            while (true)
            {
                if (length == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * buffer.Length, Array.MaxLength));
                    buffer.CopyTo(larger, 0);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
                int read = inflate.Read(buffer, length, buffer.Length - length);
                if (read == 0)
                    return (buffer, length);
                length += read;
                if (length > limit)
                    throw ReceiveException.TooLarge(length, limit);
            }
        }
        catch (Exception e)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            if (e is InvalidDataException)
                throw new ReceiveException(CloseCodes.InvalidData, "not valid deflate data");
            throw;
        }
    }

    /// <summary>A payload and then the <see cref="Tail"/>.</summary>
    private sealed class PayloadStream(ReadOnlyMemory<byte> payload) : Stream
    {
        private int _position;

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            var source = _position < payload.Length ? payload.Span[_position..] : Tail.AsSpan(_position - payload.Length);
            int count = Math.Min(source.Length, buffer.Length);
            source[..count].CopyTo(buffer);
            _position += count;
            return count;
        }

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
