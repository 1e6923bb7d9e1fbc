using System.Text;

namespace Realtime.Connections;

/// <summary>
/// One or more messages as they go over the wire: encoded once, then shared by every connection that they are sent to.
/// Immutable, safe to use from any thread.
/// </summary>
public class Frame
{
    private byte[]? _compressed; // for the usual window
    private RareForms? _rare;    // for what few peers ask for

    private readonly FramePlace? _place;

    internal Frame(byte[] bytes, int messages, FramePlace? place = null)
    {
        Bytes = bytes;
        Messages = messages;
        _place = place;
    }

    /// <summary>How many messages it holds.</summary>
    public int Messages { get; }

    /// <summary>Bytes on the wire, uncompressed, heads included.</summary>
    public int Size => Bytes.Length;

    internal byte[] Bytes { get; }

    /// <summary>The same messages for peers that agreed on permessage-deflate with a window: made at the first use, then shared.</summary>
    internal byte[] Compressed(int windowBits)
    {
        if (windowBits == Deflate.MostWindowBits)
            return _compressed ??= Deflate.Compress(Bytes, windowBits);
        var compressed = (_rare ??= new()).Compressed;
        return compressed[windowBits - Deflate.LeastWindowBits] ??= Deflate.Compress(Bytes, windowBits);
    }

    /// <summary>The same messages as server-sent events: made at the first use, then shared by the streams of a format.</summary>
    internal byte[] Events(EventFormat format)
    {
        var rare = _rare ??= new();
        if (rare.Events is { } made && made.Format == format)
            return made.Bytes;
        byte[] bytes = format.Encode(Bytes);
        rare.Events = new(format, bytes);
        return bytes;
    }

    /// <summary>Its place in its topic, ready for a queue; null for a frame of none.</summary>
    internal FramePlace? PlaceToWait()
    {
        _place?.ReadKeys(Bytes);
        return _place;
    }

    /// <summary>A text message of bytes that are UTF-8 already; they are not checked again.</summary>
    public static Frame Text(ReadOnlySpan<byte> utf8) => Encode(MessageType.Text, utf8);

    /// <summary>A text message.</summary>
    public static Frame Text(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int size = Encoding.UTF8.GetByteCount(text), head = FrameHeader.Size(size);
        var bytes = new byte[head + size];
        FrameHeader.Write(bytes, FrameHeader.Fin | (byte)MessageType.Text, size);
        Encoding.UTF8.GetBytes(text, bytes.AsSpan(head));
        return new(bytes, 1);
    }

    /// <summary>A binary message.</summary>
    public static Frame Binary(ReadOnlySpan<byte> data) => Encode(MessageType.Binary, data);

    /// <summary>
    /// The messages of several frames in one buffer, so that they are written at once. At most 2 GiB together. They leave their topics;
    /// ephemeral ones among none but ephemeral ones stay ephemeral, each by itself.
    /// </summary>
    public static Frame Join(IReadOnlyList<Frame> frames)
    {
        ArgumentNullException.ThrowIfNull(frames);
        if (frames.Count == 1)
            return frames[0];
        int size = 0, messages = 0, ephemeral = 0;
        for (int i = 0; i < frames.Count; i++)
        {
            size = checked(size + frames[i].Size);
            messages += frames[i].Messages;
            ephemeral += frames[i] is EphemeralFrame ? 1 : 0;
        }
        var bytes = new byte[size];
        int at = 0;
        for (int i = 0; i < frames.Count; i++)
        {
            frames[i].Bytes.CopyTo(bytes, at);
            at += frames[i].Size;
        }
        return ephemeral == frames.Count ? new EphemeralFrame(bytes, [.. frames.SelectMany(frame => ((EphemeralFrame)frame).Parts)]) : new Frame(bytes, messages);
    }

    internal static Frame Encode(MessageType type, ReadOnlySpan<byte> payload)
    {
        int head = FrameHeader.Size(payload.Length);
        var bytes = new byte[head + payload.Length];
        FrameHeader.Write(bytes, (byte)(FrameHeader.Fin | (byte)type), payload.Length);
        payload.CopyTo(bytes.AsSpan(head));
        return new(bytes, 1);
    }

    // Two threads may make one at once: what either has is right, and is made again.
    private sealed class RareForms
    {
        public readonly byte[]?[] Compressed = new byte[Deflate.MostWindowBits - Deflate.LeastWindowBits][]; // for smaller windows
        public EventForm? Events;
    }

    private sealed record EventForm(EventFormat Format, byte[] Bytes);
}
