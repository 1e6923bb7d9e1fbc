using System.Buffers;

namespace Realtime.Connections.Sending;

/// <summary>
/// What waits for a peer whose socket would not take it at once: frames within the bounds of <see cref="ConnectionOptions"/>, and control
/// frames past them. Knows no lock and no socket; its owner calls it under the <see cref="ISendOwner.OutputLock"/>.
/// </summary>
internal sealed class SendQueue(ISendOwner owner)
{
    private const int MostControl = 2 + 2 * (2 + FrameHeader.MaxShort); // a ping, a pong and a close

    private readonly FrameRing _frames = new();
    private int _written;  // bytes of the first frame
    private int _inFlight; // frames that the write under way touches
    private byte[]? _pong;
    private byte[]? _close;
    private bool _ping;

    public int Messages => _frames.Messages;

    /// <summary>Bytes not written yet, without control frames.</summary>
    public int Bytes => _frames.Bytes - _written;

    /// <summary>Whether messages of topics are in it, or have been since something has waited.</summary>
    public bool HasTopics { get; private set; }

    /// <summary>Whether a frame may be added: the last one before the bounds may pass them, else one of many messages would never fit.</summary>
    public bool HasSpace => Messages < owner.Options.QueueMessages && Bytes < owner.Options.QueueBytes;

    /// <summary>Adds whole frames of which the first bytes may be written already.</summary>
    public void Add(byte[] bytes, int messages, FramePlace? place = null, int written = 0)
    {
        if (_frames.Count == 0)
            _written = written;
        _frames.Add(new(bytes, messages, place));
        HasTopics |= place is not null;
    }

    /// <summary>
    /// Adds an ephemeral message: in the place of the one of its key that waits, and of the oldest ephemeral ones if there is no space. When
    /// that is not enough it is dropped itself. Returns how many were dropped.
    /// </summary>
    public int AddEphemeral(byte[] bytes, string key)
    {
        int dropped = key.Length > 0 && Ephemeral.DropKey(key) ? 1 : 0;
        if (!HasSpace && !TryDropEphemeral(ref dropped))
            return dropped + 1;
        _frames.Add(new(bytes, 1, EphemeralKey: key));
        return dropped;
    }

    /// <summary>Adds ephemeral messages of which the first bytes are written already, so that they cannot give way any more.</summary>
    public void AddBegun(EphemeralFrame frame, byte[] bytes, int written)
    {
        _written = written;
        _frames.Add(new(bytes, frame.Messages, EphemeralKey: ""));
    }

    /// <summary>Drops the oldest ephemeral messages until there is space. Those that are being written count for none.</summary>
    /// <returns>Whether there is space now.</returns>
    public bool TryDropEphemeral(ref int dropped) => _frames.Ephemeral > 0 && Ephemeral.TryMakeSpace(ref dropped);

    /// <summary>Adds a frame of a topic to a full queue, which evicts messages of topics; if need be those of the frame itself.</summary>
    public void AddEvicting(byte[] bytes, int messages, FramePlace place, ref int evicted)
    {
        Add(bytes, messages, place);
        Eviction.MakeSpaceForNewest(ref evicted);
    }

    /// <summary>Evicts messages of topics until there is space for one of none.</summary>
    /// <returns>Whether there is space now.</returns>
    public bool TryEvict(ref int evicted) => HasTopics && Eviction.TryMakeSpace(ref evicted);

    /// <summary>Drops from the oldest on until there is space, as far as they are not being written. Returns the messages dropped.</summary>
    public int DropOldest()
    {
        int dropped = 0, oldest = BeingWritten;
        while (oldest < _frames.Count && !HasSpace)
        {
            if (_frames[oldest].Gap is not null)
            {
                oldest++; // what is missing is told
                continue;
            }
            dropped += _frames[oldest].Messages;
            _frames.RemoveAt(oldest);
        }
        return dropped;
    }

    /// <summary>Drops everything that is not being written.</summary>
    public void DropWaiting() => _frames.RemoveFrom(BeingWritten);

    public void SetPing() => _ping = true;

    /// <summary>Answers the latest ping; an answer that still waits need not be sent any more (RFC 6455 section 5.5.3).</summary>
    public void SetPong(byte[] frame) => _pong = frame;

    /// <summary>The close frame goes after everything else.</summary>
    public void SetClose(byte[] frame) => _close = frame;

    /// <summary>Chooses the next write: as much of what waits as <see cref="ConnectionOptions.WriteBufferSize"/> joins.</summary>
    /// <param name="buffer">A pooled array in which frames are joined, for as many writes as there are; made when it is needed.</param>
    /// <param name="next">What to write.</param>
    /// <param name="control">How much of it are control frames, which go between frames, never inside a half written one.</param>
    /// <returns>False when nothing waits.</returns>
    public bool TryTakeWrite(ref byte[]? buffer, out ReadOnlyMemory<byte> next, out int control)
    {
        control = 0;
        _inFlight = 0;
        int limit = owner.Options.WriteBufferSize;
        if (_frames.OpenGaps > 0)
            WriteGaps(limit);
        bool urgent = _written == 0 && (_ping || _pong is not null);
        if (_frames.Count == 0 && !urgent && _close is null)
        {
            next = default;
            return false;
        }
        if (_frames.Count > 0 && !urgent && (_frames.Count == 1 || _frames[0].Bytes.Length - _written >= limit))
        {
            _inFlight = 1;
            var bytes = _frames[0].Bytes;
            next = bytes.AsMemory(_written, Math.Min(bytes.Length - _written, limit));
            return true;
        }

        // The smallest limit has room for all control frames together.
        int size = Math.Min(limit, Bytes + MostControl);
        if (buffer is null || buffer.Length < size)
        {
            if (buffer is not null)
                ArrayPool<byte>.Shared.Return(buffer);
            buffer = ArrayPool<byte>.Shared.Rent(size);
        }
        control = TakeControl(buffer, urgent);
        int length = control;
        for (int offset = _written; _inFlight < _frames.Count && length < size; offset = 0)
        {
            var bytes = _frames[_inFlight++].Bytes;
            int take = Math.Min(bytes.Length - offset, size - length);
            bytes.AsSpan(offset, take).CopyTo(buffer.AsSpan(length));
            length += take;
        }
        next = buffer.AsMemory(0, length);
        return true;
    }

    /// <summary>So many bytes of frames are written, without control frames.</summary>
    public void Written(int bytes)
    {
        _written += bytes;
        while (_written > 0 && _written >= _frames[0].Bytes.Length)
        {
            _written -= _frames[0].Bytes.Length;
            _frames.RemoveAt(0);
        }
        _inFlight = 0;
    }

    private int BeingWritten => Math.Min(_frames.Count, Math.Max(_inFlight, _written > 0 ? 1 : 0));

    private TopicEviction Eviction => new(_frames, BeingWritten, owner.Options);

    private EphemeralEviction Ephemeral => new(_frames, BeingWritten, owner.Options);

    private int TakeControl(byte[] buffer, bool urgent)
    {
        int length = 0;
        if (urgent)
        {
            if (_pong is not null)
                Copy(_pong, buffer, ref length);
            if (_ping)
                Copy(owner.Ping, buffer, ref length);
            _pong = null;
            _ping = false;
        }
        if (_frames.Count == 0 && _close is not null)
        {
            Copy(_close, buffer, ref length);
            _close = null;
        }
        return length;
    }

    /// <summary>Makes messages of the gaps that the next write may reach.</summary>
    private void WriteGaps(int limit)
    {
        for (int i = 0, ahead = -_written; i < _frames.Count && ahead < limit; i++)
        {
            if (_frames[i] is { IsOpenGap: true, Gap: { } gap } frame)
                _frames.Set(i, frame with { Bytes = owner.BytesOf(gap.Topic.Missing(gap.Missing)) });
            ahead += _frames[i].Bytes.Length;
        }
    }

    private static void Copy(byte[] frame, byte[] buffer, ref int length)
    {
        frame.CopyTo(buffer, length);
        length += frame.Length;
    }
}
