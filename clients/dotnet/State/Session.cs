using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Realtime.Client.Connecting;
using Realtime.Client.Protocol;
using Realtime.Client.Queues;

namespace Realtime.Client.State;

/// <summary>
/// What a client wants and has under way, over all its connections. One lock guards all of it; nothing of the application's runs under it. This file has its
/// life, the others what is sent and what arrives.
/// </summary>
internal sealed partial class Session
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, RoomState> _rooms = [];
    private readonly EventFeed _feed;

    // Ids are unique across the clients of one user, as the server deduplicates by user and id. 64 bits; not a secret.
    private readonly string _idPrefix = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
    private long _nextId;

    private ConnectionLoop? _loop;
    private SocketConnection? _connection;
    private TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private InboxState? _inbox;
    private RealtimeStatus _status = RealtimeStatus.Unused;
    private bool _wasStarted;
    private bool _isDisposed;

    public Session(RealtimeClientOptions options, ILogger logger, TimeProvider time)
    {
        (Options, Logger, Time) = (options, logger, time);
        _feed = new(logger);
        _outbox = new(options.OutboxMessages, options.OutboxBytes);
        _sweep = new(Sweep, time);
        Calls = new(this);
        Directs = new(options.ReceiveMessages, options.ReceiveBytes);
    }

    public RealtimeClientOptions Options { get; }

    public ILogger Logger { get; }

    public TimeProvider Time { get; }

    public CallTable Calls { get; }

    public DirectQueue Directs { get; }

    public EventFeed Feed => _feed;

    public RealtimeStatus Status => Volatile.Read(ref _status);

    /// <summary>Whether there has been a connection: then its address is right.</summary>
    public bool WasConnected { get; private set; }

    /// <summary>Whether another token can be had.</summary>
    public bool CanRenew => Options.TokenProvider is not null;

    public Position? InboxPosition
    {
        get
        {
            lock (_gate)
                return _inbox?.Position;
        }
    }

    public IReadOnlyList<RealtimeRoom> Rooms
    {
        get
        {
            lock (_gate)
                return [.. _rooms.Values.Select(room => room.Room)];
        }
    }

    public async Task ConnectAsync(CancellationToken cancellation)
    {
        Task opened;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(RealtimeClient));
            if (_loop is null)
                Start();
            opened = _opened.Task;
        }
        await opened.WaitAsync(cancellation).ConfigureAwait(false);
    }

    public void RetryNow()
    {
        lock (_gate)
            _loop?.RetryNow();
    }

    public async Task CloseAsync(bool disposes)
    {
        ConnectionLoop? loop;
        lock (_gate)
        {
            _isDisposed |= disposes;
            (loop, _loop) = (_loop, null);
            if (loop is not null || _status.State != RealtimeState.Closed)
                Stop(loop is null ? 0 : 1000, "", null);
            else if (disposes)
                EndQueues(null);
            loop?.Stop();
            if (disposes)
            {
                foreach (var room in _rooms.Values)
                    room.EndState();
            }
        }
        if (disposes)
            _sweep.Dispose();
        if (loop is not null)
            await loop.Ended.ConfigureAwait(false);
    }

    /// <summary>The first use connects; after a stop it is the application's to do so.</summary>
    private void EnsureStarted()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, typeof(RealtimeClient));
        if (_loop is not null)
            return;
        if (_wasStarted)
            throw new RealtimeException(RealtimeErrorCodes.Offline, _status.Reason.Length > 0 ? _status.Reason : "The client was closed; ConnectAsync connects it again.");
        Start();
    }

    private void Start()
    {
        _wasStarted = true;
        foreach (var room in _rooms.Values)
            room.Events.Reopen();
        Directs.Reopen();
        _loop = new(this);
        SetStatus(new() { State = RealtimeState.Connecting });
        _loop.Start();
    }

    /// <returns>False when the connection is no longer wanted.</returns>
    public bool Opened(ConnectionLoop loop, SocketConnection connection)
    {
        lock (_gate)
        {
            if (_loop != loop)
                return false;
            WasConnected = true;
            _connection = connection;
            RawCount = 0;
            Log.Connected(Logger, Options.Address!);
            if (connection.Transport != RealtimeTransport.WebSocket)
                Log.WithoutWebSocket(Logger);
            SetStatus(new() { State = RealtimeState.Connected, Transport = connection.Transport, Attempt = _status.Attempt });
            foreach (var room in _rooms.Values)
            {
                room.Opened();
                room.SendJoin();
            }
            _inbox?.Ask();
            Flush(null);
            _opened.TrySetResult();
            return true;
        }
    }

    /// <summary>The next attempt begins.</summary>
    public void Tries(ConnectionLoop loop)
    {
        lock (_gate)
        {
            if (_loop == loop)
                SetStatus(_status with { RetryAt = null });
        }
    }

    /// <summary>The connection is gone, or there is none yet; the loop comes back at that time.</summary>
    public void Lost(ConnectionLoop loop, Loss loss, int attempt, DateTimeOffset retryAt)
    {
        lock (_gate)
        {
            if (_loop != loop)
                return;
            Log.Reconnects(Logger, loss.Code, loss.Reason, attempt, retryAt - Time.GetUtcNow());
            Disconnect(new(RealtimeErrorCodes.Offline, "The connection was lost before the server answered."));
            if (loss is { Code: Loss.TooBig, WasReceived: false } && _outbox.Largest() is { } largest && _outbox.Take(largest))
                largest.Fail(new(RealtimeErrorCodes.TooBig, loss.Reason.Length > 0 ? loss.Reason : "The message is too large for the server.") { Room = largest.Room });
            foreach (var item in _outbox.All.Where(item => item.IsSent).ToArray())
            {
                item.IsSent = false;
                if (item.Room is null && _outbox.Take(item))
                    item.Fail(new(RealtimeErrorCodes.Unconfirmed, "The connection was lost before the server answered; it may have arrived."));
            }
            SetStatus(new() { State = RealtimeState.Reconnecting, Attempt = attempt, RetryAt = retryAt, Code = loss.Code, Reason = loss.Reason });
        }
    }

    /// <summary>Ends the connection for a better one, unless something waits for an answer that would be lost with it: what goes to a room is sent again.</summary>
    /// <returns>Whether it has ended.</returns>
    public bool TryGoOver(SocketConnection connection)
    {
        lock (_gate)
        {
            if (_connection != connection)
                return true;
            if (_requests.Values.Any(request => request.Bytes > 0) || Calls.IsRunning || _outbox.All.Any(item => item is { IsSent: true, Room: null }))
                return false;
            Disconnect(new(RealtimeErrorCodes.Offline, "The connection was ended for another one."));
            connection.End(new(0, "WebSockets pass again.") { IsWanted = true });
            return true;
        }
    }

    /// <summary>The loop has ended by itself: coming back would only repeat the refusal.</summary>
    public void Stopped(ConnectionLoop loop, Loss loss)
    {
        lock (_gate)
        {
            if (_loop != loop)
                return;
            _loop = null;
            Log.Stopped(Logger, loss.Code, loss.Reason);
            Stop(loss.Code, loss.Reason, new(RealtimeErrorCodes.Offline, loss.Reason.Length > 0 ? loss.Reason : "Not connected."));
        }
    }

    /// <param name="error">What those who read are told; null when the application has closed the client.</param>
    private void Stop(int code, string reason, RealtimeException? error)
    {
        var failure = error ?? new(RealtimeErrorCodes.Offline, "The client was closed.");
        Disconnect(failure);
        foreach (var item in _outbox.All.ToArray())
        {
            _outbox.Take(item);
            item.Fail(failure);
        }
        foreach (var room in _rooms.Values)
            room.Fail(failure);
        _inbox?.Fail(failure);
        EndQueues(error);
        Renew(ref _opened).Fail(failure);
        SetStatus(new() { State = RealtimeState.Closed, Code = code, Reason = reason });
    }

    private void EndQueues(RealtimeException? error)
    {
        foreach (var room in _rooms.Values)
            room.Events.End(error);
        Directs.End(error);
        _raw?.End(error);
    }

    private void Disconnect(RealtimeException error)
    {
        _connection = null;
        if (_opened.Task.IsCompleted)
            Renew(ref _opened);
        _leaving.Clear();
        foreach (var room in _rooms.Values)
            room.Lost();
        _inbox?.Lost();
        var requests = _requests.Values.ToArray();
        _requests.Clear();
        _requestBytes = 0;
        foreach (var request in requests)
            request.Fail(error);
    }

    private static TaskCompletionSource Renew(ref TaskCompletionSource source)
    {
        var old = source;
        source = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return old;
    }

    private void SetStatus(RealtimeStatus status)
    {
        Volatile.Write(ref _status, status);
        _feed.Post(status);
    }
}
