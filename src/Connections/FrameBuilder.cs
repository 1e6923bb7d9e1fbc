using System.Buffers;

namespace Realtime.Connections;

/// <summary>
/// Writes many messages one after the other into one buffer and makes a <see cref="Frame"/> of them, without arrays in between.
/// Keep one per writer and use it again after <see cref="Build()"/>; not safe for several threads at once.
/// </summary>
public sealed class FrameBuilder : IBufferWriter<byte>
{
    // The head of a payload of 126 to 65,535 bytes. Shorter and longer payloads are moved by 2 and 6 bytes when they end.
    private const int Reserved = 4;
    private const int NotInMessage = -1;

    private byte[] _buffer;
    private int _length;
    private int _start = NotInMessage;
    private MessageType _type;

    /// <summary>Makes a builder.</summary>
    /// <param name="capacity">Bytes to start with; it grows as needed.</param>
    public FrameBuilder(int capacity = 1024)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _buffer = new byte[capacity];
    }

    /// <summary>Messages ended so far.</summary>
    public int Messages { get; private set; }

    /// <summary>Bytes written so far, heads included.</summary>
    public int Size => _length;

    /// <summary>Starts a text message; what is written until <see cref="End"/> is its payload and must be UTF-8.</summary>
    public void BeginText() => Begin(MessageType.Text);

    /// <summary>Starts a binary message.</summary>
    public void BeginBinary() => Begin(MessageType.Binary);

    /// <summary>Ends the message that was begun.</summary>
    /// <exception cref="InvalidOperationException">None was begun.</exception>
    public void End()
    {
        if (_start == NotInMessage)
            throw new InvalidOperationException("No message was begun.");
        int payload = _length - _start - Reserved, head = FrameHeader.Size(payload);
        if (head != Reserved)
        {
            if (head > Reserved)
                Grow(head - Reserved);
            _buffer.AsSpan(_start + Reserved, payload).CopyTo(_buffer.AsSpan(_start + head));
            _length += head - Reserved;
        }
        FrameHeader.Write(_buffer.AsSpan(_start), (byte)(FrameHeader.Fin | (byte)_type), payload);
        Messages++;
        _start = NotInMessage;
    }

    /// <summary>Takes back the message that was begun, as if it had not been.</summary>
    public void Discard()
    {
        if (_start == NotInMessage)
            return;
        _length = _start;
        _start = NotInMessage;
    }

    /// <summary>Makes a frame of the messages written, and empties the builder.</summary>
    /// <exception cref="InvalidOperationException">A message was not ended.</exception>
    public Frame Build() => Build(null, null, 0);

    /// <summary>Makes a frame of messages of a topic, and empties the builder.</summary>
    /// <param name="topic">Null for none.</param>
    /// <param name="epoch">What the numbers count in: those of different epochs have nothing to do with each other.</param>
    /// <param name="first">The first message's number, from 1 on; the others have those that follow. 0 when they have none.</param>
    /// <exception cref="InvalidOperationException">A message was not ended.</exception>
    public Frame Build(FrameTopic? topic, string? epoch, long first)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        if (_start != NotInMessage)
            throw new InvalidOperationException("The last message was not ended.");
        var place = topic is null ? null : new FramePlace(topic, epoch, first, Messages);
        var frame = new Frame(_buffer.AsSpan(0, _length).ToArray(), Messages, place);
        Reset();
        return frame;
    }

    /// <summary>
    /// Makes a frame of one message that is of use only now, and empties the builder. Where it has to wait, it is the first to give way to
    /// whatever needs the space, and no one is told.
    /// </summary>
    /// <param name="key">
    /// A newer message with the same key takes its place in a queue; null for none. Compared as it is, for all of a connection's messages.
    /// </param>
    /// <exception cref="InvalidOperationException">There is not exactly one message, or it was not ended.</exception>
    public Frame BuildEphemeral(string? key)
    {
        if (_start != NotInMessage || Messages != 1)
            throw new InvalidOperationException("An ephemeral frame is of one message, which was ended.");
        var frame = new EphemeralFrame(_buffer.AsSpan(0, _length).ToArray(), key ?? "");
        Reset();
        return frame;
    }

    /// <summary>Forgets what was written; the buffer is kept.</summary>
    public void Reset()
    {
        _length = 0;
        _start = NotInMessage;
        Messages = 0;
    }

    /// <inheritdoc/>
    public void Advance(int count)
    {
        if (_start == NotInMessage)
            throw new InvalidOperationException("No message was begun.");
        if (count < 0 || count > _buffer.Length - _length)
            throw new ArgumentOutOfRangeException(nameof(count), count, $"At most {_buffer.Length - _length} bytes were asked for.");
        _length += count;
    }

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Grow(Math.Max(sizeHint, 1));
        return _buffer.AsMemory(_length);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Grow(Math.Max(sizeHint, 1));
        return _buffer.AsSpan(_length);
    }

    /// <summary>Adds bytes to the message that was begun.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        Grow(bytes.Length);
        bytes.CopyTo(_buffer.AsSpan(_length));
        Advance(bytes.Length);
    }

    private void Begin(MessageType type)
    {
        if (_start != NotInMessage)
            throw new InvalidOperationException("The last message was not ended.");
        Grow(Reserved);
        _start = _length;
        _length += Reserved;
        _type = type;
    }

    private void Grow(int room)
    {
        if (_buffer.Length - _length < room)
            Array.Resize(ref _buffer, Math.Max(checked(_length + room), (int)Math.Min(2L * _buffer.Length, Array.MaxLength)));
    }
}
