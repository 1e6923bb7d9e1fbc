using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Realtime.Connections.Listening;

/// <summary>
/// A TCP connection as Kestrel sees it: context, features and pipes in one object, as long as HTTP has it. A WebSocket leaves it: the
/// socket stays, this object and its pipes go.
/// </summary>
/// <remarks>More than ten fields: half of them are what Kestrel's context and features have.</remarks>
internal sealed partial class PolledConnection : ConnectionContext, IPolled, IDuplexPipe,
    IConnectionIdFeature, IConnectionTransportFeature, IConnectionItemsFeature, IConnectionLifetimeFeature, IConnectionEndPointFeature, IMemoryPoolFeature
{
    private const uint End = Linux.PeerShutdown | Linux.HangUp | Linux.Error;

    // What a peer that has said that it will send no more may still be answered in, as its request may be under way.
    private static readonly TimeSpan s_halfClosed = TimeSpan.FromSeconds(1);

    // What a peer may take to read an answer to a request that was not read to its end: a reset for the rest would take the answer away.
    private static readonly TimeSpan s_linger = TimeSpan.FromSeconds(1), s_lingerStep = TimeSpan.FromMilliseconds(20);

    // How long a peer may take nothing of what HTTP has left to be sent: its own limits have ended with it.
    private static readonly TimeSpan s_nothingTaken = TimeSpan.FromSeconds(10);

    private readonly PolledSocket _socket;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closed = new();
    private readonly TaskCompletionSource _closedFired = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PolledReader _reader;
    private IPolledHeir? _heir;
    private int _isClosed, _isAborted, _isDisposed;
    private bool _watchesHalfClosed; // on the poller's thread only

    public PolledConnection(PolledSocket socket, MemoryPool<byte> pool, ILogger logger, long? mostToWrite)
    {
        _socket = socket;
        _logger = logger;
        MemoryPool = pool;
        _reader = new(this, socket, pool);
        Writer = new(this, socket, pool, mostToWrite);
        Transport = this;
        ConnectionClosed = _closed.Token;
    }

    public PolledWriter Writer { get; }

    public PipeReader Input => _reader;

    public PipeWriter Output => Writer;

    public MemoryPool<byte> MemoryPool { get; }

    public override IDuplexPipe Transport { get; set; }

    public override string ConnectionId { get; set; } = NewId();

    public override IDictionary<object, object?> Items { get => field ??= new ConnectionItems(); set; }

    public override CancellationToken ConnectionClosed { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    public override EndPoint? LocalEndPoint { get => field ??= _socket.LocalAddress(); set; }

    /// <summary>Whether somebody takes the socket over when HTTP is done with it.</summary>
    public bool Leaves => Volatile.Read(ref _heir) is not null;

    /// <summary>See <see cref="ITransport.Acknowledged"/>.</summary>
    public long? Acknowledged() => _socket.Acknowledged();

    /// <summary>Lets events come. False when the socket cannot be watched.</summary>
    public bool Start() => _socket.Start(this);

    /// <summary>
    /// When HTTP is done with the connection, which then may not be used for anything else, everything that it has written is sent and the
    /// socket goes to an heir. From now on a peer that ends its side is the heir's concern.
    /// </summary>
    public void LeaveTo(IPolledHeir heir) => Volatile.Write(ref _heir, heir);

    /// <summary>HTTP keeps the connection after all; false when the heir has it already, or knows that it is lost.</summary>
    public bool Stay() => Interlocked.Exchange(ref _heir, null) is not null;

    // ---- the socket ----------------------------------------------------------------------------------------------------

    public void OnEvents(uint events)
    {
        if ((events & (Linux.Out | Linux.Error | Linux.HangUp)) != 0)
            Writer.OnWritable();
        if ((events & ~Linux.Out) == 0)
            return;
        _reader.OnEvents(events);
        if ((events & End) == 0 || Leaves || _reader.Waits)
            return; // a read that waits finds the end
        if ((events & (Linux.Error | Linux.HangUp)) != 0 || !HasUnread)
            PeerEnded();
        else if (!_watchesHalfClosed)
        {
            _watchesHalfClosed = true;
            _ = WatchHalfClosedAsync();
        }
    }

    /// <summary>Nothing more comes from the peer, or it is gone.</summary>
    public void PeerEnded()
    {
        if (!Leaves)
            FireClosed();
    }

    /// <summary>A send found that the peer is gone.</summary>
    public void OnGone()
    {
        _reader.Fail(new ConnectionResetException("The peer is gone."));
        Writer.Fail();
        PeerEnded();
    }

    /// <summary>Something failed that should not have.</summary>
    public void TurnFailed(Exception exception)
    {
        Log.TurnFailed(_logger, exception);
        Abort(new ConnectionAbortedException("The transport failed.", exception));
    }

    void IPolled.Abort() => Abort(new ConnectionAbortedException("The server has stopped."));

    // ---- the end -------------------------------------------------------------------------------------------------------

    /// <summary>Ends both directions at once. With a reason the peer gets a reset, without one, which is Kestrel's way to say that it went first, an end.</summary>
    public override void Abort(ConnectionAbortedException? abortReason)
    {
        if (Interlocked.Exchange(ref _isAborted, 1) == 1)
            return;
        _reader.Fail(abortReason ?? new ConnectionAbortedException("The connection has ended."));
        Writer.Fail();
        if (Volatile.Read(ref _isDisposed) != 2) // else the socket is another's
        {
            if (abortReason is not null)
                _socket.Reset();
            else
            {
                _socket.ShutDown(Linux.ShutDownSide.Both);
                _socket.Dispose();
            }
        }
        FireClosed();
    }

    public override void Abort() => Abort(new ConnectionAbortedException("The connection was aborted."));

    /// <summary>HTTP is done: sends what is left, then closes the socket or gives it to its heir.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.CompareExchange(ref _isDisposed, 1, 0) != 0)
            return;
        _reader.Complete();
        Writer.Complete();
        if (_heir is { } heir)
        {
            try
            {
                await heir.InTimeAsync(Writer.DrainAsync());
            }
            catch (TimeoutException e)
            {
                Abort(new ConnectionAbortedException("The answer to an upgrade request was not read in time.", e));
            }
            Leave(heir);
        }
        else
            await DrainAsync();
        if (Leaves)
            Volatile.Write(ref _heir, null);
        else if (Volatile.Read(ref _isAborted) == 0)
            await CloseAsync();
        FireClosed();
        await _closedFired.Task; // whoever is told uses what is disposed here
        _closed.Dispose();
        Forget();
    }

    // Kestrel's accept loop keeps the connection that it accepted last until the next one comes: it must not keep HTTP's objects, too.
    private void Forget()
    {
        _features = [];
        _featureCount = 0;
        Items = null!;
        Transport = null!;
    }

    private void Leave(IPolledHeir heir)
    {
        var rest = _reader.TakeBuffered();
        if (Volatile.Read(ref _isAborted) == 0 && Interlocked.CompareExchange(ref _isDisposed, 2, 1) == 1 && !Writer.IsGone)
            heir.Take(_socket, rest);
        else
        {
            _socket.Dispose();
            heir.Lose();
        }
    }

    private async ValueTask DrainAsync()
    {
        var drained = Writer.DrainAsync();
        while (!drained.IsCompleted)
        {
            var before = _socket.Acknowledged();
            try
            {
                await drained.WaitAsync(s_nothingTaken);
            }
            catch (TimeoutException e)
            {
                if (_socket.Acknowledged() == before)
                    Abort(new ConnectionAbortedException("The peer does not read the end of an answer.", e));
            }
        }
    }

    // In the order that lets the peer read all that was sent: our end, what it may still be sending, then the socket.
    private async ValueTask CloseAsync()
    {
        _socket.ShutDown(Linux.ShutDownSide.Send);
        if (!_reader.HasEnded && Discard(out bool any) && any)
        {
            for (var waited = TimeSpan.Zero; waited < s_linger && Discard(out _) && Volatile.Read(ref _isAborted) == 0; waited += s_lingerStep)
                await Task.Delay(s_lingerStep);
        }
        _socket.ShutDown(Linux.ShutDownSide.Both);
        _socket.Dispose();
    }

    // False when there is nothing more to come.
    private bool Discard(out bool any)
    {
        any = false;
        Span<byte> buffer = stackalloc byte[4096];
        for (int i = 0; i < 256; i++)
        {
            int received = _socket.Receive(buffer, out int error);
            if (received <= 0)
                return received < 0 && error is Linux.WouldBlock or Linux.Interrupted;
            any = true;
        }
        return true;
    }

    private bool HasUnread => _reader.Buffered > 0 || _socket.Unread() > 0;

    // The request of a peer that has half closed is under way, perhaps with more behind it. It may be answered; but an application that
    // waits for the peer to go has to be told.
    private async Task WatchHalfClosedAsync()
    {
        try
        {
            for (int last = -1; ;)
            {
                await Task.Delay(s_halfClosed);
                int unread = _reader.Buffered + _socket.Unread();
                if (unread == 0 || unread == last || Volatile.Read(ref _isDisposed) != 0)
                    break;
                last = unread;
            }
            PeerEnded();
        }
        catch (Exception e)
        {
            TurnFailed(e);
        }
    }

    private void FireClosed()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static connection => connection.CancelClosed(), this, preferLocal: false);
    }

    private void CancelClosed()
    {
        try
        {
            _closed.Cancel();
        }
        catch (Exception e)
        {
            Log.TransportClosedCallbackFailed(_logger, e);
        }
        _closedFired.TrySetResult();
    }
}
