using Realtime.Client.Connecting;
using Realtime.Client.Protocol;

namespace Realtime.Client.State;

/// <summary>What is sent: messages, which outlive connections, and questions, which do not.</summary>
internal sealed partial class Session
{
    private readonly Outbox _outbox;
    private readonly DeadlineTimer _sweep;
    private readonly HashSet<string> _leaving = [];
    private readonly Dictionary<string, Request> _requests = [];
    private int _questions;
    private long _requestBytes;

    public string NewId() => $"{_idPrefix}-{Interlocked.Increment(ref _nextId)}";

    /// <summary>Sends a message once it can be, until it is answered or its time is over.</summary>
    /// <param name="room">Null for a direct message.</param>
    public async Task<DirectReceipt> PublishAsync(RoomState? room, string? user, PublishOptions? options, string? content, JsonData data, CancellationToken cancellation, StateChange? change = null)
    {
        cancellation.ThrowIfCancellationRequested();
        var id = options?.Id ?? NewId();
        var frame = change is null
            ? FrameWriter.Message(id, room?.Name ?? user!, room is null, options?.Echo, content, data)
            : FrameWriter.Change(id, room!.Name, options?.Echo, change);
        CheckSize(frame.Length, room?.Name);
        Outgoing item;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(RealtimeClient));
            if (room is not null && !Has(room))
                throw new RealtimeException(RealtimeErrorCodes.NotJoined, $"Join {room.Name} before you send to it.") { Room = room.Name };
            EnsureStarted();
            item = new(id, room?.Name, room is not null && !(options?.Echo ?? room.Echo), frame, _sweep.In(options?.Timeout ?? Options.PublishTimeout)) { Change = change };
            _outbox.Add(item);
            _sweep.Arm(item.Deadline);
            if (room?.MayPublish ?? _connection is not null)
                SendNow(item);
        }
        if (!cancellation.CanBeCanceled)
            return await item.Task.ConfigureAwait(false);
        try
        {
            return await item.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            if (!item.Task.IsCompleted)
            {
                lock (_gate)
                    TakeOut(item);
            }
        }
    }

    /// <summary>Asks the server, once there is a connection.</summary>
    /// <param name="waits">Whether it waits for a connection when there is none.</param>
    public async Task<T> AskAsync<T>(Func<string, byte[]> write, AnswerReader<T> read, TimeSpan timeout, CancellationToken cancellation, bool waits = true)
    {
        cancellation.ThrowIfCancellationRequested();
        var id = NewId();
        var frame = write(id);
        CheckSize(frame.Length, null);
        Task opened;
        lock (_gate)
        {
            EnsureStarted();
            if (_questions >= Options.OutboxMessages || _requestBytes + frame.Length > Options.OutboxBytes)
                throw new RealtimeException(RealtimeErrorCodes.QueueFull, $"{_questions} questions wait for an answer already, of {_requestBytes} bytes; {Options.OutboxMessages} may, of {Options.OutboxBytes}.");
            _questions++;
            opened = _opened.Task;
        }
        try
        {
            var question = new Question<T>(id, read) { Bytes = frame.Length, Deadline = _sweep.In(timeout) };
            while (!TrySend(question, frame, ref opened))
            {
                if (!waits)
                    throw new RealtimeException(RealtimeErrorCodes.Offline, "Not connected.");
                var left = Time.GetElapsedTime(_sweep.Now, question.Deadline);
                await opened.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, Time, cancellation).ConfigureAwait(false);
            }
            try
            {
                return await question.Task.WaitAsync(cancellation).ConfigureAwait(false);
            }
            finally
            {
                if (!question.Task.IsCompleted)
                {
                    lock (_gate)
                        TakeRequest(id);
                }
            }
        }
        catch (TimeoutException)
        {
            throw new RealtimeException(RealtimeErrorCodes.Timeout, $"There was no connection within {timeout.TotalMilliseconds} ms.");
        }
        finally
        {
            lock (_gate)
                _questions--;
        }
    }

    /// <summary>Brings this connection a new token.</summary>
    public Task RefreshAsync(SocketConnection connection, string token)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_connection != connection)
                return Task.CompletedTask;
            var id = NewId();
            Send(id, FrameWriter.Refresh(id, token), error =>
            {
                if (error is null)
                    done.TrySetResult();
                else
                    done.Fail(error);
            });
        }
        return done.Task;
    }

    private bool TrySend(Request request, byte[] frame, ref Task opened)
    {
        lock (_gate)
        {
            // It may have stopped since: then nobody connects.
            EnsureStarted();
            opened = _opened.Task;
            if (_connection is null)
                return false;
            Register(request);
            _connection.Send(frame);
            return true;
        }
    }

    private void Register(Request request)
    {
        _requests.Add(request.Id, request);
        _requestBytes += request.Bytes;
        _sweep.Arm(request.Deadline);
    }

    private void CheckSize(int bytes, string? room)
    {
        if (bytes > Options.MaxMessageBytes)
        {
            throw new RealtimeException(RealtimeErrorCodes.TooBig,
                $"The message has {bytes} bytes as a frame; it may have {Options.MaxMessageBytes} (the option {nameof(RealtimeClientOptions.MaxMessageBytes)}).")
            { Room = room };
        }
    }

    private void SendNow(Outgoing item)
    {
        item.IsSent = item.WasTried = true;
        _connection?.Send(item.Frame);
    }

    // --- for the rooms and the inbox, under the lock ---

    /// <summary>Sends a step of the client's own; what follows is told under the lock, with null when it was answered.</summary>
    public void Send(string id, byte[] frame, Action<RealtimeException?> done)
    {
        if (_connection is not { } connection)
            return;
        Register(new Step(id, done) { Deadline = _sweep.In(Options.AnswerTimeout) });
        connection.Send(frame);
    }

    /// <summary>Leaves at the server, and joins again after the answer when the room is wanted then.</summary>
    public void SendLeave(string name, Action<RealtimeException?>? done = null)
    {
        if (_connection is not { } connection)
            return;
        _leaving.Add(name);
        var id = NewId();
        Send(id, FrameWriter.Leave(id, name), error =>
        {
            if (_connection == connection)
            {
                _leaving.Remove(name);
                if (_rooms.TryGetValue(name, out var room) && !room.IsJoining)
                    room.SendJoin();
            }
            done?.Invoke(error);
        });
    }

    public bool IsLeaving(string name) => _leaving.Contains(name);

    public void EndConnection(string reason) => _connection?.End(new(0, reason));

    /// <summary>A pause before something is tried again, by the back-off, and not before that.</summary>
    public TimeSpan Pause(int attempt, TimeSpan? least) =>
        (least is { } time ? (time < Options.RetryMax ? time : Options.RetryMax) : TimeSpan.Zero) + Loss.Backoff(attempt, Options);

    /// <summary>Does something later, if this connection is still open then.</summary>
    public void After(TimeSpan wait, Action action) => _ = AfterAsync(_connection, wait, action);

    private async Task AfterAsync(SocketConnection? connection, TimeSpan wait, Action action)
    {
        if (connection is null)
            return;
        try
        {
            await Task.Delay(wait, Time, connection.Ended).ConfigureAwait(false);
            lock (_gate)
            {
                if (_connection == connection)
                    action();
            }
        }
        catch (OperationCanceledException)
        {
            // The next connection does it anew.
        }
        catch (Exception exception)
        {
            Log.Failed(Logger, exception);
            connection.End(new(0, exception.Message));
        }
    }

    /// <summary>Sends what has been waiting for a room, or for a connection (null).</summary>
    public void Flush(string? room)
    {
        if (_connection is null || (room is not null && !(_rooms.TryGetValue(room, out var state) && state.MayPublish)))
            return;
        foreach (var item in _outbox.All)
        {
            if (item.Room == room && !item.IsSent)
                SendNow(item);
        }
    }

    /// <summary>Whether a message without an echo is under way to the room, so that its number is not known.</summary>
    public bool AwaitsOwn(string room)
    {
        foreach (var item in _outbox.All)
        {
            if (item.IsSilent && item.IsSent && item.Room == room)
                return true;
        }
        return false;
    }

    /// <summary>Takes a message out, to settle it; what has waited for its number goes on.</summary>
    private bool TakeOut(Outgoing item)
    {
        if (!_outbox.Take(item))
            return false;
        if (item.IsSilent && _rooms.TryGetValue(item.Room!, out var room) && !AwaitsOwn(item.Room!))
            room.ReleaseHeld();
        return true;
    }

    private Request? TakeRequest(string? id)
    {
        if (id is null || !_requests.Remove(id, out var request))
            return null;
        _requestBytes -= request.Bytes;
        return request;
    }

    /// <summary>What has waited too long waits no longer.</summary>
    private void Sweep()
    {
        try
        {
            lock (_gate)
            {
                _sweep.Fired();
                var now = _sweep.Now;
                var next = long.MaxValue;
                foreach (var item in _outbox.All.ToArray())
                {
                    if (item.Deadline > now)
                        next = Math.Min(next, item.Deadline);
                    else if (TakeOut(item))
                        item.Fail(new(RealtimeErrorCodes.Timeout, item.WasTried ? "There was no answer in time; the message may have arrived." : "There was no connection to send the message by in time.") { Room = item.Room });
                }
                foreach (var request in _requests.Values.ToArray())
                {
                    if (request.Deadline > now)
                        next = Math.Min(next, request.Deadline);
                    else
                        TakeRequest(request.Id)?.Fail(new(RealtimeErrorCodes.Timeout, "There was no answer in time."));
                }
                if (next < long.MaxValue && !_isDisposed)
                    _sweep.Arm(next);
            }
        }
        catch (Exception exception)
        {
            Log.Failed(Logger, exception);
        }
    }
}
