using System.Buffers;

namespace Realtime.Connections;

/// <summary>
/// What the messages of connections look like as server-sent events (HTML Living Standard section 9.2). One instance serves all streams of
/// a kind, from any thread: what it makes of a frame is kept with the frame, and shared.
/// </summary>
public abstract class EventFormat
{
    // A buffer that a large message has grown is not kept.
    private const int MostKept = 64 * 1024;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_output;

    /// <summary>A comment: what keeps proxies from taking the stream for dead.</summary>
    internal static readonly byte[] Heartbeat = ":\n\n"u8.ToArray();

    private static ReadOnlySpan<byte> End => "\n\n"u8;

    /// <summary>Writes the lines of a message's event, each with its line break, without the empty one that ends it.</summary>
    protected abstract void Write(MessageType type, ReadOnlySpan<byte> payload, IBufferWriter<byte> output);

    /// <summary>Writes the lines of the last event: why the stream ends, and whether to come back.</summary>
    /// <param name="code">One of <see cref="CloseCodes"/>.</param>
    /// <param name="reason">At most 123 bytes.</param>
    /// <param name="output">As of a message.</param>
    protected abstract void WriteClose(ushort code, string reason, IBufferWriter<byte> output);

    /// <summary>Writes text as <c>data</c>: a line for each of its own.</summary>
    protected static void WriteData(ReadOnlySpan<byte> text, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        while (true)
        {
            int end = text.IndexOfAny((byte)'\n', (byte)'\r');
            output.Write("data: "u8);
            output.Write(end < 0 ? text : text[..end]);
            output.Write("\n"u8);
            if (end < 0)
                return;
            text = text[(text[end..].StartsWith("\r\n"u8) ? end + 2 : end + 1)..];
        }
    }

    internal byte[] Encode(ReadOnlySpan<byte> frames)
    {
        var output = Output();
        while (!frames.IsEmpty)
        {
            var (head, payload) = FrameHeader.ReadOwn(frames);
            Write((MessageType)(frames[0] & FrameHeader.OpcodeMask), frames.Slice(head, payload), output);
            output.Write("\n"u8);
            frames = frames[(head + payload)..];
        }
        return Take(output);
    }

    internal byte[] EncodeClose(ushort code, string reason)
    {
        var output = Output();
        WriteClose(code, reason, output);
        output.Write("\n"u8);
        return Take(output);
    }

    /// <summary>Bytes of the first of some events.</summary>
    internal static int SizeOfFirst(ReadOnlySpan<byte> events) => events.IndexOf(End) + End.Length;

    // What a fault has left in it is not sent.
    private static ArrayBufferWriter<byte> Output()
    {
        var output = t_output ??= new();
        output.ResetWrittenCount();
        return output;
    }

    private static byte[] Take(ArrayBufferWriter<byte> output)
    {
        byte[] bytes = output.WrittenSpan.ToArray();
        if (output.Capacity > MostKept)
            t_output = null;
        return bytes;
    }
}
