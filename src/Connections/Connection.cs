using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Claims;
using System.Text;

namespace Realtime.Connections;

/// <summary>
/// One WebSocket, or one stream of server-sent events, which only sends. All members can be used from any thread. While it is idle it holds no buffer and no timer: what is needed rarely is
/// made at its first use.
/// </summary>
/// <remarks>
/// Who it is, and what an application calls: more than ten fields, as most are what was said at the upgrade. The work is done by its three
/// parts, <see cref="ConnectionLifecycle"/>, <see cref="ConnectionOutput"/> and <see cref="ReceiveLoop"/>.
/// </remarks>
public sealed class Connection
{
    private const int Never = int.MaxValue / 2; // far from wrapping around when ticks are subtracted

    private readonly ConnectionEndpoint _endpoint;
    private readonly long _connectedAt; // UTC ticks
    private ClaimsPrincipal? _user;
    private Dictionary<object, object?>? _items;
    private int _nextPing; // ticks of the heartbeat

    internal Connection(ConnectionEndpoint endpoint, ITransport transport, in Peer peer)
    {
        _endpoint = endpoint;
        Transport = transport;
        Id = ConnectionId.New();
        _user = peer.User;
        UserId = peer.UserId;
        RemoteAddress = peer.RemoteAddress;
        Subprotocol = peer.Subprotocol;
        State = peer.State;
        _connectedAt = endpoint.Services.Time.GetUtcNow().UtcTicks;
        Lifecycle = new(this);
        Output = new(this, transport, peer.WindowBits);
        Input = new(this, endpoint);
    }

    /// <summary>Unique in the process and hard to guess: 128 random bits, 22 characters of base64url.</summary>
    public string Id { get; }

    /// <summary>Who connected, as the upgrade request was authenticated.</summary>
    public ClaimsPrincipal User
    {
        get
        {
            if (_user is null)
                Interlocked.CompareExchange(ref _user, new ClaimsPrincipal(new ClaimsIdentity()), null);
            return _user;
        }
    }

    /// <summary>The user's id, or null; see <see cref="ConnectionOptions.UserId"/>.</summary>
    public string? UserId { get; }

    /// <summary>The peer's address, or the proxy's when forwarded headers are not processed.</summary>
    public EndPoint? RemoteAddress { get; }

    /// <summary>The subprotocol that was agreed, or null.</summary>
    public string? Subprotocol { get; }

    /// <summary>When the upgrade was accepted.</summary>
    public DateTimeOffset ConnectedAt => new(_connectedAt, TimeSpan.Zero);

    /// <summary>Whether it can be sent to.</summary>
    public bool IsConnected => Lifecycle.IsOpen;

    /// <summary>Values that belong to this connection. Made at the first use; guard it yourself when several threads use it.</summary>
    public IDictionary<object, object?> Items
    {
        get
        {
            if (_items is null)
                Interlocked.CompareExchange(ref _items, [], null);
            return _items;
        }
    }

    /// <summary>One slot for the layer above, cheaper than <see cref="Items"/>; <see cref="ConnectionOptions.State"/> can fill it from the request.</summary>
    public object? State { get; set; }

    /// <summary>Fires when the connection begins to close, from whichever side; callbacks run on the thread pool. Made at the first use.</summary>
    public CancellationToken Closed => Lifecycle.Closed;

    /// <summary>Why it ended or is about to; null while it is open. The peer's code and reason, or ours, whichever came first.</summary>
    public (ushort Code, string Reason)? CloseStatus => Lifecycle.Status;

    /// <summary>Messages that wait because the peer's socket is full; bound by <see cref="ConnectionOptions.QueueMessages"/>.</summary>
    public int QueuedMessages => Output.QueuedMessages;

    /// <summary>Bytes that wait because the peer's socket is full; bound by <see cref="ConnectionOptions.QueueBytes"/>.</summary>
    public int QueuedBytes => Output.QueuedBytes;

    // ---- sending -------------------------------------------------------------------------------------------------------

    /// <summary>Sends a message; waits while the queue is full.</summary>
    /// <returns>Completes when the socket or the queue has taken it.</returns>
    /// <exception cref="ConnectionClosedException">The connection is closed or closes meanwhile.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while it waited; it is not sent.</exception>
    public ValueTask SendAsync(Message message, CancellationToken cancellationToken = default) =>
        SendAsync(message.Type, message.Data, cancellationToken);

    /// <summary>Sends a text message; see <see cref="SendAsync(Message, CancellationToken)"/>.</summary>
    public ValueTask SendAsync(string text, CancellationToken cancellationToken = default) => SendAsync(Frame.Text(text), cancellationToken);

    /// <summary>Sends a binary message; see <see cref="SendAsync(Message, CancellationToken)"/>.</summary>
    public ValueTask SendAsync(ReadOnlyMemory<byte> binary, CancellationToken cancellationToken = default) =>
        SendAsync(MessageType.Binary, binary, cancellationToken);

    /// <summary>Sends the messages of a frame; see <see cref="SendAsync(Message, CancellationToken)"/>.</summary>
    public ValueTask SendAsync(Frame frame, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(frame);
        var result = SendObserved(frame);
        return result is SendResult.Taken or SendResult.HeldBack ? default : SendSlowAsync(result, frame, cancellationToken);
    }

    /// <summary>Sends without waiting.</summary>
    /// <returns>False when the connection is closed, its queue is full or <see cref="ConnectionHandler.OnSend"/> held it back.</returns>
    public bool TrySend(Frame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        return SendObserved(frame) == SendResult.Taken;
    }

    /// <summary>Sends a text message without waiting.</summary>
    /// <exception cref="QueueFullException">The queue is full.</exception>
    /// <exception cref="ConnectionClosedException">The connection is closed.</exception>
    public void SendText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int most = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (most <= ConnectionOutput.OnStack)
        {
            Span<byte> utf8 = stackalloc byte[ConnectionOutput.OnStack];
            SendText(utf8[..Encoding.UTF8.GetBytes(text, utf8)]);
            return;
        }
        ThrowUnlessTaken(SendObserved(Frame.Text(text)));
    }

    /// <summary>Sends a text message, which must be UTF-8, without waiting; see <see cref="SendText(string)"/>.</summary>
    public void SendText(ReadOnlySpan<byte> utf8) => ThrowUnlessTaken(Send(MessageType.Text, utf8));

    /// <summary>Sends a binary message without waiting; see <see cref="SendText(string)"/>.</summary>
    public void SendBinary(ReadOnlySpan<byte> data) => ThrowUnlessTaken(Send(MessageType.Binary, data));

    /// <summary>
    /// Sends as part of a fan-out, without waiting. A full queue evicts messages of a <see cref="FrameTopic"/>; if there are none,
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

    // ---- receiving -----------------------------------------------------------------------------------------------------

    /// <summary>The next message; for endpoints whose handler is a function.</summary>
    /// <exception cref="ConnectionClosedException">The connection is closed and everything that came before was received.</exception>
    /// <exception cref="InvalidOperationException">The endpoint has a <see cref="ConnectionHandler"/>, whose OnMessage receives.</exception>
    public async ValueTask<Message> ReceiveAsync(CancellationToken cancellationToken = default) =>
        await ReceiveQueue.ReadAsync(cancellationToken) ?? throw ClosedException();

    /// <summary>The messages to come; ends when the connection is closed. See <see cref="ReceiveAsync"/>.</summary>
    public async IAsyncEnumerable<Message> ReceiveAllAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var queue = ReceiveQueue;
        while (await queue.ReadAsync(cancellationToken) is { } message)
            yield return message;
    }

    // ---- closing -------------------------------------------------------------------------------------------------------

    /// <summary>
    /// Closes with a code and a reason, after what is queued. The first close counts; later ones wait for the same end.
    /// </summary>
    /// <param name="code">1000 to 1003, 1007 to 1014 or 3000 to 4999; see <see cref="CloseCodes"/>.</param>
    /// <param name="reason">At most 123 bytes of UTF-8.</param>
    /// <returns>Completes when the handshake is done, or the connection was cut because it took longer than <see cref="ConnectionOptions.CloseTimeout"/>.</returns>
    /// <exception cref="ArgumentException">The code must not be sent, or the reason is too long.</exception>
    public Task CloseAsync(ushort code = CloseCodes.Normal, string? reason = null)
    {
        reason ??= "";
        if (!CloseCodes.MayBeSent(code))
            throw new ArgumentOutOfRangeException(nameof(code), code, "A close code is 1000 to 1003, 1007 to 1014 or 3000 to 4999.");
        if (Encoding.UTF8.GetByteCount(reason) > ControlFrames.MaxReason)
            throw new ArgumentException($"A close reason is at most {ControlFrames.MaxReason} bytes of UTF-8.", nameof(reason));
        Lifecycle.BeginClose(code, reason);
        return Lifecycle.Ended;
    }

    /// <summary>Cuts the connection without a handshake; the peer sees 1006.</summary>
    public void Abort() => Lifecycle.Cut(CloseCodes.Abnormal, "");

    /// <inheritdoc/>
    public override string ToString() => $"Connection {Id}";

    // ---- inside --------------------------------------------------------------------------------------------------------

    internal ConnectionOptions Options => _endpoint.Options;

    internal ConnectionServices Services => _endpoint.Services;

    internal ITransport Transport { get; }

    internal ConnectionLifecycle Lifecycle { get; }

    internal ConnectionOutput Output { get; }

    internal ReceiveLoop Input { get; }

    /// <summary>Belongs to the <see cref="Heartbeat"/>.</summary>
    internal Heartbeat.Visit Visit { get; set; }

    /// <summary>The connection's life; returns when it has ended and the handler knows.</summary>
    internal Task RunAsync() => Input.RunAsync();

    /// <summary>Lets the process know it. Called once, before the handler knows it.</summary>
    internal void Begin()
    {
        int now = Services.Heartbeat.Now;
        _nextPing = now + PingTicks - Random.Shared.Next(1 + PingTicks / 4); // those of an accept storm spread
        Services.Metrics.Opened();
        Services.Heartbeat.Add(this, NextVisit(now));
        if (Options.Gate is { } gate)
            gate.Opening(this, Services.Registry);
        else
            Services.Registry.Register(this);
        if (Services.Drain.HasBegun)
            Services.Drain.Close(this); // it was accepted before, and the drain may not know it
    }

    /// <summary><see cref="Deliver"/> for loops that count what they sent all at once.</summary>
    internal bool DeliverUncounted(Frame frame) => Output.Deliver(frame);

    internal void CountSent(long messages, long bytes) => Services.Metrics.Sent(messages, bytes);

    /// <summary>The handler threw: 1011, unless it only noticed that the connection is closing.</summary>
    internal void HandlerFailed(Exception exception)
    {
        if (!Lifecycle.IsOpen && exception is ConnectionClosedException or OperationCanceledException)
            return;
        Log.HandlerFailed(Services.Logger, Id, exception);
        Lifecycle.BeginClose(CloseCodes.InternalError, "internal error");
    }

    /// <summary>Has the heartbeat look at the connection after a time. Returns the tick at which it does.</summary>
    internal int ScheduleIn(TimeSpan time)
    {
        int at = Services.Heartbeat.Now + Heartbeat.Ticks(time);
        Services.Heartbeat.Schedule(this, at);
        return at;
    }

    /// <summary>Does what is due, a ping or the end of something that takes too long, and returns when to come again. Never blocks.</summary>
    internal int OnHeartbeat(int now)
    {
        switch (Lifecycle.State)
        {
            case ConnectionState.InputEnded when now - Lifecycle.Deadline >= 0:
                Lifecycle.ExtendDeadline(now);
                Input.Queue?.GiveUp(); // the function does not come to an end: the connection closes without it
                break;
            case ConnectionState.Closing when now - Lifecycle.Deadline >= 0:
                Abort();
                return now + 1;
            case ConnectionState.Open when Output.IsWriteOverdue(now):
                Lifecycle.Cut(CloseCodes.WriteTimeout, "write timeout");
                return now + 1;
            case ConnectionState.Open when now - Input.ReadDeadline(now) >= 0:
                Lifecycle.BeginClose(CloseCodes.ReadTimeout, "read timeout");
                break;
            case ConnectionState.Open when Input.PartialDeadline is { } deadline && now - deadline >= 0:
                Lifecycle.BeginClose(CloseCodes.PolicyViolation, "a message took too long to come");
                break;
            case ConnectionState.Open when now - _nextPing >= 0:
                _nextPing = now + PingTicks;
                if (Transport.ShowsLife())
                    Input.NoteLife();
                Output.SendPing();
                break;
        }
        return NextVisit(now);
    }

    private int PingTicks => Options.PingInterval == TimeSpan.Zero ? Never / 2 : Heartbeat.Ticks(Options.PingInterval) - 1;

    private int NextVisit(int now) => Lifecycle.State switch
    {
        ConnectionState.Open => Math.Min(Math.Min(_nextPing, Input.ReadDeadline(now)), Math.Min(Output.WriteDeadline ?? Never, Input.PartialDeadline ?? Never)),
        ConnectionState.Ended => Never,
        _ => Lifecycle.Deadline,
    };

    private ReceiveQueue ReceiveQueue =>
        Input.Queue ?? throw new InvalidOperationException("This endpoint's messages go to its handler's OnMessage.");

    private bool MayPass(Frame frame) => !_endpoint.ObservesSends || _endpoint.Handler.OnSend(this, frame);

    private SendResult SendObserved(Frame frame) => MayPass(frame) ? Output.Send(frame) : SendResult.HeldBack;

    private SendResult Send(MessageType type, ReadOnlySpan<byte> payload)
    {
        if (type == 0)
            throw new WrongMessageTypeException("An empty Message has no type; make one with its constructor.");
        return Output.Encodes || _endpoint.ObservesSends ? SendObserved(Frame.Encode(type, payload)) : Output.Send(type, payload);
    }

    private ValueTask SendAsync(MessageType type, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        var result = Send(type, payload.Span);
        return result is SendResult.Taken or SendResult.HeldBack
            ? default
            : SendSlowAsync(result, Frame.Encode(type, payload.Span), cancellationToken);
    }

    private async ValueTask SendSlowAsync(SendResult result, Frame frame, CancellationToken cancellationToken)
    {
        while (result == SendResult.Full)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await Output.SpaceAsync().WaitAsync(cancellationToken);
            result = Output.Send(frame);
        }
        ThrowUnlessTaken(result);
    }

    private void ThrowUnlessTaken(SendResult result)
    {
        if (result == SendResult.Full)
            throw new QueueFullException(QueuedMessages, QueuedBytes);
        if (result == SendResult.Closed)
            throw ClosedException();
    }

    private ConnectionClosedException ClosedException()
    {
        var (code, reason) = CloseStatus ?? (CloseCodes.Abnormal, "");
        return new(code, reason);
    }
}

/// <summary>What a connection keeps of its upgrade request.</summary>
internal readonly record struct Peer(ClaimsPrincipal? User, string? UserId, EndPoint? RemoteAddress, string? Subprotocol, int WindowBits, object? State);
