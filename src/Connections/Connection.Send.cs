using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;

namespace Realtime.Connections;

// Sending. As long as nothing waits for the peer, a message goes to the transport at once, on the thread that sends it; what the
// transport does not take waits in an Outbox, whose pump writes it.
public sealed partial class Connection
{
    // Frames up to this size are built on the stack when they go to one peer only: acks, errors, direct messages.
    private const int OnStack = 512;

    private Outbox? _outbox;

    private enum Posted : byte { Taken, Full, Closed, HeldBack }

    /// <summary>Sends a message; waits while the queue is full.</summary>
    /// <returns>Completes when the socket or the queue has taken it.</returns>
    /// <exception cref="ConnectionClosedException">The connection is closed or closes meanwhile.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while it waited; it is not sent.</exception>
    public ValueTask SendAsync(Message message, CancellationToken cancellationToken = default) =>
        SendAsync(Post(message.Type, message.Data.Span), message.Type, message.Data, cancellationToken);

    /// <summary>Sends a text message; see <see cref="SendAsync(Message, CancellationToken)"/>.</summary>
    public ValueTask SendAsync(string text, CancellationToken cancellationToken = default) => SendAsync(Frame.Text(text), cancellationToken);

    /// <summary>Sends a binary message; see <see cref="SendAsync(Message, CancellationToken)"/>.</summary>
    public ValueTask SendAsync(ReadOnlyMemory<byte> binary, CancellationToken cancellationToken = default) =>
        SendAsync(Post(MessageType.Binary, binary.Span), MessageType.Binary, binary, cancellationToken);

    /// <summary>Sends the messages of a frame; see <see cref="SendAsync(Message, CancellationToken)"/>.</summary>
    public ValueTask SendAsync(Frame frame, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(frame);
        var posted = Observed(frame) ? Post(frame) : Posted.HeldBack;
        return posted is Posted.Taken or Posted.HeldBack ? default : SendSlowAsync(posted, frame, cancellationToken);
    }

    /// <summary>Sends without waiting.</summary>
    /// <returns>False when the connection is closed, its queue is full or <see cref="ConnectionHandler.OnSend"/> held it back.</returns>
    public bool TrySend(Frame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        return Observed(frame) && Post(frame) == Posted.Taken;
    }

    /// <summary>Sends a text message without waiting.</summary>
    /// <exception cref="QueueFullException">The queue is full.</exception>
    /// <exception cref="ConnectionClosedException">The connection is closed.</exception>
    public void SendText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int most = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (most <= OnStack)
        {
            Span<byte> utf8 = stackalloc byte[OnStack];
            SendText(utf8[..Encoding.UTF8.GetBytes(text, utf8)]);
            return;
        }
        var frame = Frame.Text(text);
        if (Observed(frame))
            ThrowUnlessTaken(Post(frame));
    }

    /// <summary>Sends a text message, which must be UTF-8, without waiting; see <see cref="SendText(string)"/>.</summary>
    public void SendText(ReadOnlySpan<byte> utf8) => ThrowUnlessTaken(Post(MessageType.Text, utf8));

    /// <summary>Sends a binary message without waiting; see <see cref="SendText(string)"/>.</summary>
    public void SendBinary(ReadOnlySpan<byte> data) => ThrowUnlessTaken(Post(MessageType.Binary, data));

    /// <summary>
    /// Sends as part of a fan-out, without waiting. In a full queue messages of a <see cref="FrameTopic"/> give way; if there are none,
    /// the <see cref="ConnectionOptions.SlowConsumer"/> policy says whether the connection is closed or its oldest waiting messages go.
    /// </summary>
    /// <returns>Whether it was taken.</returns>
    public bool Deliver(Frame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        if (!DeliverUncounted(frame))
            return false;
        Services.Metrics.Sent(frame.Messages, frame.Size);
        return true;
    }

    /// <summary><see cref="Deliver"/> for loops that count what they sent all at once.</summary>
    internal bool DeliverUncounted(Frame frame)
    {
        var bytes = BytesOf(frame);
        var posted = Enqueue(bytes, bytes, frame.Messages, frame);
        return posted == Posted.Taken || (posted == Posted.Full && DeliverToFull(bytes, frame));
    }

    internal byte[] BytesOf(Frame frame) => _windowBits == 0 ? frame.Bytes : frame.Compressed(_windowBits);

    internal void CountSent(long messages, long bytes) => Services.Metrics.Sent(messages, bytes);

    private bool DeliverToFull(byte[] bytes, Frame frame)
    {
        int dropped = 0;
        var posted = MakeRoom(bytes, frame, ref dropped) ?? Enqueue(bytes, bytes, frame.Messages, frame);
        if (dropped > 0)
            Services.Metrics.Dropped(dropped);
        if (posted == Posted.Full)
            CloseSlowConsumer();
        return posted == Posted.Taken;
    }

    // Null when the queue was written meanwhile, so that it goes the usual way.
    private Posted? MakeRoom(byte[] bytes, Frame frame, ref int dropped)
    {
        lock (Gate)
        {
            if (_phase >= Phase.Closing)
                return Posted.Closed;
            if (_outbox is not { } outbox)
                return null;
            if (frame.PlaceToWait() is { } place)
            {
                outbox.AddGivingWay(bytes, frame.Messages, place, Options, ref dropped);
                return Posted.Taken;
            }
            if (!outbox.HasTopics || !outbox.GiveWay(Options, ref dropped))
            {
                if (Options.SlowConsumer == SlowConsumerPolicy.Disconnect)
                    return Posted.Full;
                dropped += outbox.DropOldest(Options);
            }
            outbox.Add(bytes, frame.Messages);
            return Posted.Taken;
        }
    }

    private Posted Post(Frame frame)
    {
        var bytes = BytesOf(frame);
        var posted = Enqueue(bytes, bytes, frame.Messages, frame);
        if (posted == Posted.Taken)
            Services.Metrics.Sent(frame.Messages, frame.Size);
        return posted;
    }

    [SkipLocalsInit]
    private Posted Post(MessageType type, ReadOnlySpan<byte> payload)
    {
        if (type == 0)
            throw new WrongMessageTypeException("An empty Message has no type; make one with its constructor.");
        if (_windowBits != 0 || _endpoint.ObservesSends)
        {
            var frame = Frame.Encode(type, payload);
            return Observed(frame) ? Post(frame) : Posted.HeldBack;
        }
        int size = FrameHeader.Size(payload.Length) + payload.Length;
        byte[]? rented = null;
        Span<byte> bytes = size <= OnStack ? stackalloc byte[OnStack] : rented = ArrayPool<byte>.Shared.Rent(size);
        int head = FrameHeader.Write(bytes, (byte)(FrameHeader.Fin | (byte)type), payload.Length);
        payload.CopyTo(bytes[head..]);
        var posted = Enqueue(bytes[..size], shared: null, messages: 1);
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
        if (posted == Posted.Taken)
            Services.Metrics.Sent(1, size);
        return posted;
    }

    // The one place where messages meet the transport or the queue.
    private Posted Enqueue(ReadOnlySpan<byte> bytes, byte[]? shared, int messages, Frame? frame = null)
    {
        lock (Gate)
        {
            if (_phase >= Phase.Closing)
                return Posted.Closed;
            if (_outbox is { } outbox)
            {
                if (!outbox.HasRoom(Options))
                    return Posted.Full;
                outbox.Add(shared ?? bytes.ToArray(), messages, frame?.PlaceToWait());
                return Posted.Taken;
            }
            int taken = Transport.TrySend(bytes);
            if (taken == bytes.Length)
                return Posted.Taken;
            if (taken != ITransport.Gone)
            {
                outbox = new Outbox(this);
                outbox.Add(shared ?? bytes.ToArray(), messages, frame?.PlaceToWait(), taken);
                StartOutbox(outbox);
                return Posted.Taken;
            }
        }
        Abort();
        return Posted.Closed;
    }

    // A control frame goes between messages, past the queue's bounds.
    private void EnqueueControl(byte[] frame, Action<Outbox, byte[]> set) => EnqueueControl(frame, frame, set);

    // Several answers to pings go together as long as nothing waits; when something does, only the latest is left to be sent.
    private void SendPongs(ref Pongs pongs)
    {
        if (pongs.Last is not { } last)
            return;
        EnqueueControl(pongs.Frames, last, static (outbox, frame) => outbox.SetPong(frame));
        pongs.Clear();
    }

    private void EnqueueControl(ReadOnlySpan<byte> frames, byte[] toWait, Action<Outbox, byte[]> set)
    {
        lock (Gate)
        {
            if (_phase == Phase.Ended)
                return;
            if (_outbox is { } outbox)
            {
                set(outbox, toWait);
                return;
            }
            int taken = Transport.TrySend(frames);
            if (taken == frames.Length)
                return;
            if (taken != ITransport.Gone)
            {
                outbox = new Outbox(this);
                if (taken > 0)
                    outbox.Add(frames.ToArray(), messages: 0, written: taken);
                else
                    set(outbox, toWait);
                StartOutbox(outbox);
                return;
            }
        }
        Abort();
    }

    private void StartOutbox(Outbox outbox)
    {
        _outbox = outbox;
        outbox.Start();
    }

    internal void OutboxEnded(Outbox outbox)
    {
        if (_outbox == outbox)
            _outbox = null;
    }

    internal int ScheduleIn(TimeSpan time)
    {
        int at = Services.Heartbeat.Now + Heartbeat.Ticks(time);
        Services.Heartbeat.Schedule(this, at);
        return at;
    }

    private bool Observed(Frame frame) => !_endpoint.ObservesSends || _endpoint.Handler.OnSend(this, frame);

    private ValueTask SendAsync(Posted posted, MessageType type, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken) =>
        posted is Posted.Taken or Posted.HeldBack ? default : SendSlowAsync(posted, Frame.Encode(type, payload.Span), cancellationToken);

    private async ValueTask SendSlowAsync(Posted posted, Frame frame, CancellationToken cancellationToken)
    {
        while (posted == Posted.Full)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task space;
            lock (Gate)
                space = _phase < Phase.Closing && _outbox is { } outbox ? outbox.Space : Task.CompletedTask;
            await space.WaitAsync(cancellationToken);
            posted = Post(frame);
        }
        ThrowUnlessTaken(posted);
    }

    private void ThrowUnlessTaken(Posted posted)
    {
        if (posted == Posted.Full)
            throw new QueueFullException(QueuedMessages, QueuedBytes);
        if (posted == Posted.Closed)
            throw ClosedException();
    }
}
