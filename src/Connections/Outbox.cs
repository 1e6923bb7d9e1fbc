using System.Buffers;

namespace Realtime.Connections;

/// <summary>
/// What waits for a peer whose socket would not take it at once, and the pump that writes it. It exists only as long as something
/// waits. Everything but the pump's waiting happens under the connection's lock.
/// </summary>
internal sealed partial class Outbox(Connection connection) : IThreadPoolWorkItem
{
    private const int MostControl = 2 + 2 * (2 + FrameHeader.MaxShort); // a ping, a pong and a close

    private readonly record struct Entry(byte[] Bytes, int Messages, FramePlace? Place, OutboxGap? Gap);

    private Entry[] _ring = new Entry[4]; // a power of two
    private int _head;
    private int _count;
    private int _offset;   // bytes of the first entry that are written
    private int _inFlight; // entries that the write under way touches
    private long? _acknowledged; // by the peer, when the deadline was set
    private byte[]? _pong;
    private byte[]? _close;
    private bool _ping;

    private TaskCompletionSource? _space;
    private TaskCompletionSource? _empty;

    public int Messages { get; private set; }

    /// <summary>Bytes not written yet, without control frames.</summary>
    public int Bytes { get; private set; }

    /// <summary>When the peer has to have taken something of the write under way, in ticks of the <see cref="Heartbeat"/>.</summary>
    public int WriteDeadline { get; private set; }

    /// <summary>Ends when there is room again, or the connection closes.</summary>
    public Task Space => (_space ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>Ends when everything is written or the peer is gone.</summary>
    public Task Empty => (_empty ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>Whether a frame may be added: the last one before the bounds may pass them, else one of many messages would never fit.</summary>
    public bool HasRoom(ConnectionOptions options) => Messages < options.QueueMessages && Bytes < options.QueueBytes;

    /// <summary>Adds whole frames of which the first bytes may be written already.</summary>
    public void Add(byte[] bytes, int messages, FramePlace? place = null, int written = 0)
    {
        if (_count == _ring.Length)
            Grow();
        if (_count == 0)
            _offset = written;
        At(_count++) = new(bytes, messages, place, null);
        HasTopics |= place is not null;
        Messages += messages;
        Bytes += bytes.Length - written;
    }

    /// <summary>Drops from the oldest on until there is room, as far as they are not being written. Returns the messages dropped.</summary>
    public int DropOldest(ConnectionOptions options)
    {
        int dropped = 0, oldest = FixedEntries;
        while (oldest < _count && !HasRoom(options))
        {
            var entry = At(oldest);
            if (entry.Gap is not null)
            {
                oldest++; // what is lost is told
                continue;
            }
            dropped += entry.Messages;
            Messages -= entry.Messages;
            Bytes -= entry.Bytes.Length;
            Remove(oldest);
        }
        return dropped;
    }

    /// <summary>Drops everything that is not being written.</summary>
    public void DropWaiting()
    {
        int fixedEntries = FixedEntries;
        while (_count > fixedEntries)
        {
            ref var last = ref At(--_count);
            Messages -= last.Messages;
            Bytes -= last.Bytes.Length;
            last = default;
        }
        _gaps = 0;
    }

    /// <summary>Answers the latest ping; an answer that still waits need not be sent any more (RFC 6455 section 5.5.3).</summary>
    public void SetPong(byte[] frame) => _pong = frame;

    public void SetPing() => _ping = true;

    /// <summary>The close frame goes after everything else.</summary>
    public void SetClose(byte[] frame) => _close = frame;

    public void Start()
    {
        SetDeadline();
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    public void WakeSpace()
    {
        _space?.TrySetResult();
        _space = null;
    }

    void IThreadPoolWorkItem.Execute() => _ = PumpAsync();

    // Joins what waits into one write at a time until nothing is left.
    private async Task PumpAsync()
    {
        byte[]? buffer = null;
        try
        {
            while (true)
            {
                ReadOnlyMemory<byte> next;
                int control;
                lock (connection.Gate)
                {
                    if (!TryGather(ref buffer, out next, out control))
                    {
                        connection.OutboxEnded(this);
                        break;
                    }
                    SetDeadline();
                }
                await connection.Transport.SendAsync(next);
                lock (connection.Gate)
                    Written(next.Length - control);
            }
        }
        catch (Exception)
        {
            // The peer is gone or the connection was cut: whatever the transport threw, there is nobody to write to.
            connection.Abort();
            lock (connection.Gate)
                connection.OutboxEnded(this);
        }
        finally
        {
            if (buffer is not null)
                ArrayPool<byte>.Shared.Return(buffer);
            lock (connection.Gate)
            {
                WakeSpace();
                _empty?.TrySetResult();
            }
        }
    }

    /// <summary>Whether the peer has taken something since the last look, though the write is not done; then it has as long again.</summary>
    public bool HasProgress()
    {
        if (_acknowledged is not { } before || connection.Transport.Acknowledged is not { } now || now == before)
            return false;
        SetDeadline();
        return true;
    }

    private void SetDeadline()
    {
        _acknowledged = connection.Transport.Acknowledged;
        WriteDeadline = connection.ScheduleIn(connection.Options.WriteTimeout);
    }

    // Chooses the next write. Control frames go between frames, never inside a half written one.
    private bool TryGather(ref byte[]? buffer, out ReadOnlyMemory<byte> next, out int control)
    {
        control = 0;
        _inFlight = 0;
        int limit = connection.Options.WriteBufferSize;
        if (_gaps > 0)
            TellGaps(limit);
        bool between = _offset == 0, urgent = between && (_ping || _pong is not null);
        if (_count == 0 && !urgent && _close is null)
        {
            next = default;
            return false;
        }
        if (_count > 0 && !urgent && (_count == 1 || At(0).Bytes.Length - _offset >= limit))
        {
            _inFlight = 1;
            var bytes = At(0).Bytes;
            next = bytes.AsMemory(_offset, Math.Min(bytes.Length - _offset, limit));
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
        int length = 0;
        if (urgent)
        {
            if (_pong is not null)
                Copy(_pong, buffer, ref length);
            if (_ping)
                Copy(ControlFrames.Ping, buffer, ref length);
            _pong = null;
            _ping = false;
        }
        if (_count == 0 && _close is not null)
        {
            Copy(_close, buffer, ref length);
            _close = null;
        }
        control = length;
        for (int offset = _offset; _inFlight < _count && length < size; offset = 0)
        {
            var bytes = At(_inFlight++).Bytes;
            int take = Math.Min(bytes.Length - offset, size - length);
            bytes.AsSpan(offset, take).CopyTo(buffer.AsSpan(length));
            length += take;
        }
        next = buffer.AsMemory(0, length);
        return true;
    }

    private void Written(int bytes)
    {
        Bytes -= bytes;
        _offset += bytes;
        while (_offset > 0 && _offset >= At(0).Bytes.Length)
        {
            _offset -= At(0).Bytes.Length;
            Messages -= At(0).Messages;
            Remove(0);
        }
        _inFlight = 0;
        if (_space is not null && HasRoom(connection.Options))
            WakeSpace();
    }

    private int FixedEntries => Math.Min(_count, Math.Max(_inFlight, _offset > 0 ? 1 : 0));

    private ref Entry At(int index) => ref _ring[(_head + index) & (_ring.Length - 1)];

    // Moves the shorter side: it is mostly one near the head.
    private void Remove(int index)
    {
        if (index < _count / 2)
        {
            for (int i = index; i > 0; i--)
                At(i) = At(i - 1);
            At(0) = default;
            _head = (_head + 1) & (_ring.Length - 1);
        }
        else
        {
            for (int i = index; i + 1 < _count; i++)
                At(i) = At(i + 1);
            At(_count - 1) = default;
        }
        _count--;
    }

    private void Grow()
    {
        var larger = new Entry[2 * _ring.Length];
        for (int i = 0; i < _count; i++)
            larger[i] = At(i);
        (_ring, _head) = (larger, 0);
    }

    private static void Copy(byte[] frame, byte[] buffer, ref int length)
    {
        frame.CopyTo(buffer, length);
        length += frame.Length;
    }
}
