using System.Buffers;

namespace Realtime.Connections.Frames;

/// <summary>A message of which only a part has come: a frame cut by the end of the input, or fragments (RFC 6455 section 5.4).</summary>
internal sealed class PartialMessage(MessageType type, bool compressed)
{
    // A frame's length is only a promise: memory is taken as bytes come, doubling, from this size on.
    private const int FirstBuffer = 4096;

    private byte[] _buffer = [];
    private int _valid; // how much of the text is known to be UTF-8
    private int _remaining;
    private uint _key;

    /// <summary>Bytes that have come.</summary>
    public int Length { get; private set; }

    /// <summary>Whether a frame was begun of which bytes are still to come, or which has not been looked at.</summary>
    public bool InFrame { get; private set; }

    /// <summary>Whether the frame that was begun last is the message's last.</summary>
    public bool IsLastFrame { get; private set; }

    public void BeginFrame(in MessageReader.Head head)
    {
        _remaining = head.Payload;
        _key = head.Key;
        IsLastFrame = head.Fin;
        InFrame = true;
    }

    /// <summary>Takes what is there of the frame off the front of the input.</summary>
    public void Append(ref ReadOnlySequence<byte> input)
    {
        int take = (int)Math.Min(_remaining, input.Length);
        Grow(take);
        foreach (var segment in input.Slice(0, take))
        {
            _key = Masking.Unmask(segment.Span, _buffer.AsSpan(Length), _key);
            Length += segment.Length;
        }
        input = input.Slice(take);
        _remaining -= take;
        InFrame = _remaining > 0;
        if (type != MessageType.Text || compressed)
            return;
        if (!Utf8Check.Advance(_buffer.AsSpan(_valid, Length - _valid), out int valid))
        {
            Release();
            throw ReceiveException.NotUtf8();
        }
        _valid += valid;
    }

    /// <summary>The message, whose last byte has come.</summary>
    public Received Finish(ReadSettings settings)
    {
        var message = new Received(type, _buffer, Length, Pooled: _buffer.Length > 0, compressed);
        _buffer = [];
        if (compressed)
            return message;
        if (type == MessageType.Text && _valid < Length)
        {
            message.Release();
            throw ReceiveException.NotUtf8(); // it ends inside a character
        }
        return settings.OwnArrays ? MessageReader.Own(message) : message;
    }

    public void Release()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private void Grow(int count)
    {
        int needed = Length + count; // within the message size limit, so no overflow
        if (needed <= _buffer.Length)
            return;
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(needed, Math.Min(Math.Max(2L * _buffer.Length, FirstBuffer), (long)Length + _remaining)));
        _buffer.AsSpan(0, Length).CopyTo(larger);
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
