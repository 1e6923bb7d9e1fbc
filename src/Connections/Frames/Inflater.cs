using System.Buffers;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Realtime.Connections.Frames;

/// <summary>Inflates messages of permessage-deflate (RFC 7692 section 7.2.2), which must be whole.</summary>
/// <remarks>
/// A whole message ends with the head of a stored block, whose empty rest the sender took off. .NET's inflater does not say how far
/// it came, and reads a cut message on into whatever follows. So a stored block that holds a mark is put behind that head: the mark comes
/// out last if the head was reached, and else only where a cut stored block ends with it, head and all, which a mark of another
/// size finds out.
/// </remarks>
internal static class Inflater
{
    // A message may hold blocks that are the last of a stream (section 7.2.3.4), and another stream after each. Each costs an inflater of
    // its own: as many as this, and one more for so many bytes, are far above what any sender needs.
    private const int MostStreams = 16, BytesPerStream = 64;

    private static readonly Tail[] s_tails = [new(markSize: 8), new(markSize: 9)];

    /// <summary>Inflates one message into a pooled array.</summary>
    /// <exception cref="ReceiveException">1009 when it grows over the limit, 1007 when it is not valid, or not whole; 1008 for too many streams.</exception>
    public static (byte[] Array, int Length) Inflate(ReadOnlyMemory<byte> payload, int limit)
    {
        var output = new Output(payload.Length, limit);
        try
        {
            if (IsWhole(payload, bytewise: false, ref output, out var input))
                return output.Done();
            if (input.WasShort)
                throw NotWhole();
            // A last block came before the end, and more than it was read with it. That is rare: once more, byte by byte.
            output.Length = 0;
            for (int streams = 1; ; streams++)
            {
                if (streams > MostStreams + payload.Length / BytesPerStream)
                    throw new ReceiveException(CloseCodes.PolicyViolation, "too many deflate streams in one message");
                if (IsWhole(payload, bytewise: true, ref output, out input) || input.Taken == payload.Length)
                    return output.Done();
                if (input.Taken > payload.Length)
                    throw NotWhole();
                payload = payload[input.Taken..];
            }
        }
        catch (Exception e)
        {
            output.Release();
            if (e is InvalidDataException)
                throw new ReceiveException(CloseCodes.InvalidData, "not valid deflate data");
            throw;
        }
    }

    // Inflates one stream and says whether it reached the end of the message.
    private static bool IsWhole(ReadOnlyMemory<byte> payload, bool bytewise, ref Output output, out Input input)
    {
        int start = output.Length;
        input = new Input(payload, s_tails[0], bytewise);
        output.Fill(input);
        if (!output.EndsWith(s_tails[0].Mark))
            return false;
        if (!output.EndsWith(s_tails[0].HeadAndMark))
        {
            output.Length -= s_tails[0].Mark.Length;
            return true;
        }
        output.Length = start;
        input = new Input(payload, s_tails[1], bytewise);
        output.Fill(input);
        if (!output.EndsWith(s_tails[1].Mark))
            return false;
        output.Length -= s_tails[1].Mark.Length;
        return true;
    }

    private static ReceiveException NotWhole() => new(CloseCodes.InvalidData, "deflate data that ends before its last block does");

    /// <summary>What is put behind a message: the rest of a stored block with a mark in it, and an empty last block.</summary>
    private sealed class Tail
    {
        private const int Head = 4;

        private readonly int _markSize;

        // The mark is of this process alone, so that no message holds it; and nowhere but at its head can the tail be read as a stored
        // block, whose length is followed by its complement.
        public Tail(int markSize)
        {
            _markSize = markSize;
            do
                Bytes = [(byte)markSize, 0, (byte)~markSize, 0xFF, .. RandomNumberGenerator.GetBytes(markSize), 0x01, 0x00, 0x00, 0xFF, 0xFF];
            while (Enumerable.Range(1, Head + markSize - 3).Any(i => (Bytes[i] ^ Bytes[i + 2]) == 0xFF && (Bytes[i + 1] ^ Bytes[i + 3]) == 0xFF));
        }

        public byte[] Bytes { get; }

        public ReadOnlySpan<byte> Mark => Bytes.AsSpan(Head, _markSize);

        public ReadOnlySpan<byte> HeadAndMark => Bytes.AsSpan(0, Head + _markSize);
    }

    private struct Output(int payload, int limit)
    {
        private const int MostMark = 9;

        private byte[] _buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(payload * 4L, 256, Math.Max(256, limit)) + MostMark);

        public int Length { get; set; }

        public void Fill(Input input)
        {
            using var deflate = new DeflateStream(input, CompressionMode.Decompress);
            while (true)
            {
                if (Length == _buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * _buffer.Length, Array.MaxLength));
                    _buffer.CopyTo(larger, 0);
                    ArrayPool<byte>.Shared.Return(_buffer);
                    _buffer = larger;
                }
                int read = deflate.Read(_buffer, Length, _buffer.Length - Length);
                if (read == 0)
                    return;
                Length += read;
                if (Length - MostMark > limit)
                    throw ReceiveException.TooLarge(Length - MostMark, limit);
            }
        }

        public readonly bool EndsWith(ReadOnlySpan<byte> bytes) => _buffer.AsSpan(0, Length).EndsWith(bytes);

        public readonly (byte[], int) Done() => Length <= limit ? (_buffer, Length) : throw ReceiveException.TooLarge(Length, limit);

        public readonly void Release() => ArrayPool<byte>.Shared.Return(_buffer);
    }

    /// <summary>A payload and then the tail.</summary>
    private sealed class Input(ReadOnlyMemory<byte> payload, Tail tail, bool bytewise) : Stream
    {
        private int _position;

        /// <summary>How much was read; if bytewise, how far the inflater came.</summary>
        public int Taken => _position;

        /// <summary>Whether more was asked for than there is.</summary>
        public bool WasShort { get; private set; }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            var source = _position < payload.Length ? payload.Span[_position..] : tail.Bytes.AsSpan(_position - payload.Length);
            int count = Math.Min(source.Length, bytewise ? 1 : buffer.Length);
            source[..count].CopyTo(buffer);
            _position += count;
            WasShort |= count == 0;
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
