using System.Buffers;
using System.Runtime.CompilerServices;

namespace Realtime.Connections.Sending;

/// <summary>
/// What goes to one peer. As long as nothing waits, a message goes to the transport at once, on the thread that sends it; what the transport
/// does not take waits in a <see cref="SendQueue"/>, whose pump writes it.
/// </summary>
internal sealed class ConnectionOutput(Connection connection, ITransport transport, int windowBits) : ISendOwner
{
    /// <summary>In place of a window: the peer gets server-sent events.</summary>
    public const int AsEvents = byte.MaxValue;

    /// <summary>Frames up to this size are built on the stack when they go to one peer only: acks, errors, direct messages.</summary>
    public const int OnStack = 512;

    private readonly byte _windowBits = (byte)windowBits; // of what is compressed for the peer; 0 for no compression
    private SendPump? _pump; // while something waits

    /// <summary>Guards the connection's state and its send queue, which change together: nothing may follow the close frame.</summary>
    public Lock OutputLock { get; } = new();

    public bool Compresses => _windowBits is not 0 and not AsEvents;

    /// <summary>Whether the peer gets another form of a frame than its bytes.</summary>
    public bool Encodes => _windowBits != 0;

    public int QueuedMessages
    {
        get
        {
            lock (OutputLock)
                return _pump?.Queue.Messages ?? 0;
        }
    }

    public int QueuedBytes
    {
        get
        {
            lock (OutputLock)
                return _pump?.Queue.Bytes ?? 0;
        }
    }

    /// <summary>When the peer has to have taken something of the write under way, in ticks of the heartbeat; null when nothing waits.</summary>
    public int? WriteDeadline
    {
        get
        {
            lock (OutputLock)
                return _pump?.WriteDeadline;
        }
    }

    /// <summary>Whether the peer has taken nothing of the write under way for as long as it may.</summary>
    public bool IsWriteOverdue(int now)
    {
        lock (OutputLock)
            return _pump is { } pump && now - pump.WriteDeadline >= 0 && !pump.HasProgress();
    }

    /// <summary>Everything that waits is written, or the heartbeat has cut the connection.</summary>
    public Task WrittenAsync()
    {
        lock (OutputLock)
            return _pump?.Drained ?? Task.CompletedTask;
    }

    /// <summary>The queue may have space again, or the connection closes.</summary>
    public Task SpaceAsync()
    {
        lock (OutputLock)
            return !IsClosing && _pump is { } pump ? pump.Space : Task.CompletedTask;
    }

    /// <summary>Sends a message of its own, which nobody else gets.</summary>
    [SkipLocalsInit]
    public SendResult Send(MessageType type, ReadOnlySpan<byte> payload)
    {
        int size = FrameHeader.Size(payload.Length) + payload.Length;
        byte[]? rented = null;
        Span<byte> bytes = size <= OnStack ? stackalloc byte[OnStack] : rented = ArrayPool<byte>.Shared.Rent(size);
        int head = FrameHeader.Write(bytes, (byte)(FrameHeader.Fin | (byte)type), payload.Length);
        payload.CopyTo(bytes[head..]);
        var result = Enqueue(bytes[..size], shared: null, messages: 1);
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
        if (result == SendResult.Taken)
            connection.Services.Metrics.Sent(1, size);
        return result;
    }

    public SendResult Send(Frame frame)
    {
        var result = Enqueue(frame);
        if (result == SendResult.Taken)
            connection.Services.Metrics.Sent(frame.Messages, frame.Size);
        return result;
    }

    /// <summary>Sends as part of a fan-out, without counting it: a full queue evicts, or the connection is closed. Whether it was taken.</summary>
    public bool Deliver(Frame frame)
    {
        var result = Enqueue(frame);
        return result == SendResult.Taken || (result == SendResult.Full && DeliverToFull(frame));
    }

    /// <summary>A control frame goes between messages, past the queue's bounds.</summary>
    public void SendPing() => SendControl(Ping, Ping, static (queue, _) => queue.SetPing());

    /// <summary>Under the lock, when the state allows nothing else any more.</summary>
    public void SendClose(ushort code, string reason)
    {
        if (_windowBits != AsEvents)
        {
            byte[] frame = ControlFrames.Close(code, reason);
            SendControl(frame, frame, static (queue, close) => queue.SetClose(close));
            return;
        }
        byte[] last = Options.Events!.EncodeClose(code, reason);
        SendControl(last, last, static (queue, close) => queue.Add(close, messages: 0));
        transport.EndInput(); // nobody answers
    }

    /// <summary>Several answers to pings go together as long as nothing waits; when something does, only the latest is left to be sent.</summary>
    public void SendPongs(ref Pongs pongs)
    {
        if (pongs.Last is not { } last)
            return;
        SendControl(pongs.Frames, last, static (queue, pong) => queue.SetPong(pong));
        pongs.Clear();
    }

    /// <summary>Drops everything that is not being written. Under the lock.</summary>
    public void DropWaiting() => _pump?.Queue.DropWaiting();

    /// <summary>Whoever waits for space looks again. Under the lock.</summary>
    public void SignalSpace() => _pump?.SignalSpace();

    // ---- what the pump needs -------------------------------------------------------------------------------------------

    public ConnectionOptions Options => connection.Options;

    public long? Acknowledged => transport.Acknowledged;

    public byte[] BytesOf(Frame frame) =>
        _windowBits == 0 ? frame.Bytes : _windowBits == AsEvents ? frame.Events(Options.Events!) : frame.Compressed(_windowBits);

    public byte[] Ping => _windowBits == AsEvents ? EventFormat.Heartbeat : ControlFrames.Ping;

    public int NewWriteDeadline() => connection.ScheduleIn(connection.Options.WriteTimeout);

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes) => transport.SendAsync(bytes);

    public void WriteFailed() => connection.Abort();

    public void Drained(SendPump pump)
    {
        if (_pump == pump)
            _pump = null;
    }

    // --------------------------------------------------------------------------------------------------------------------

    private bool IsClosing => connection.Lifecycle.IsClosing;

    private SendResult Enqueue(Frame frame)
    {
        var bytes = BytesOf(frame);
        return Enqueue(bytes, bytes, frame.Messages, frame);
    }

    // The one place where messages meet the transport or the queue.
    private SendResult Enqueue(ReadOnlySpan<byte> bytes, byte[]? shared, int messages, Frame? frame = null)
    {
        lock (OutputLock)
        {
            if (IsClosing)
                return SendResult.Closed;
            if (_pump is { } pump)
            {
                if (frame is EphemeralFrame waiting)
                    return Wait(pump.Queue, waiting);
                if (!pump.Queue.HasSpace && !TryDropEphemeral(pump.Queue))
                    return SendResult.Full;
                pump.Queue.Add(shared ?? bytes.ToArray(), messages, frame?.PlaceToWait());
                return SendResult.Taken;
            }
            int taken = transport.TrySend(bytes);
            if (taken == bytes.Length)
                return SendResult.Taken;
            if (taken != ITransport.Gone)
            {
                pump = new SendPump(this);
                if (frame is not EphemeralFrame begun)
                    pump.Queue.Add(shared ?? bytes.ToArray(), messages, frame?.PlaceToWait(), taken);
                else if (taken > 0)
                    pump.Queue.AddBegun(begun, BytesOf(begun), taken);
                else
                    Wait(pump.Queue, begun);
                Start(pump);
                return SendResult.Taken;
            }
        }
        connection.Abort();
        return SendResult.Closed;
    }

    /// <summary>Ephemeral messages wait each by itself. Whatever becomes of them, the sender is done with them.</summary>
    private SendResult Wait(SendQueue queue, EphemeralFrame frame)
    {
        int dropped = 0;
        foreach (var part in frame.Parts)
            dropped += queue.AddEphemeral(BytesOf(part), part.Key);
        if (dropped > 0)
            connection.Services.Metrics.Dropped(dropped);
        return SendResult.Taken;
    }

    private bool TryDropEphemeral(SendQueue queue)
    {
        int dropped = 0;
        bool hasSpace = queue.TryDropEphemeral(ref dropped);
        if (dropped > 0)
            connection.Services.Metrics.Dropped(dropped);
        return hasSpace;
    }

    private bool DeliverToFull(Frame frame)
    {
        int dropped = 0;
        var result = EnqueueEvicting(frame, ref dropped) ?? Enqueue(frame);
        if (dropped > 0)
            connection.Services.Metrics.Dropped(dropped);
        if (result == SendResult.Full)
            connection.Lifecycle.CloseSlowConsumer();
        return result == SendResult.Taken;
    }

    // Null when the queue was written meanwhile, so that it goes the usual way.
    private SendResult? EnqueueEvicting(Frame frame, ref int dropped)
    {
        var bytes = BytesOf(frame);
        lock (OutputLock)
        {
            if (IsClosing)
                return SendResult.Closed;
            if (_pump?.Queue is not { } queue)
                return null;
            if (frame.PlaceToWait() is { } place)
            {
                queue.AddEvicting(bytes, frame.Messages, place, ref dropped);
                return SendResult.Taken;
            }
            if (!queue.TryEvict(ref dropped))
            {
                if (Options.SlowConsumer == SlowConsumerPolicy.Disconnect)
                    return SendResult.Full;
                dropped += queue.DropOldest();
            }
            queue.Add(bytes, frame.Messages);
            return SendResult.Taken;
        }
    }

    private void SendControl(ReadOnlySpan<byte> frames, byte[] toWait, Action<SendQueue, byte[]> set)
    {
        lock (OutputLock)
        {
            if (connection.Lifecycle.State == ConnectionState.Ended)
                return;
            if (_pump is { } pump)
            {
                set(pump.Queue, toWait);
                return;
            }
            int taken = transport.TrySend(frames);
            if (taken == frames.Length)
                return;
            if (taken != ITransport.Gone)
            {
                pump = new SendPump(this);
                if (taken > 0)
                    pump.Queue.Add(frames.ToArray(), messages: 0, written: taken);
                else
                    set(pump.Queue, toWait);
                Start(pump);
                return;
            }
        }
        connection.Abort();
    }

    private void Start(SendPump pump)
    {
        _pump = pump;
        pump.Start();
    }
}
