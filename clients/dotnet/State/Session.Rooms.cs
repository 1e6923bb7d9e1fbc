using Realtime.Client.Protocol;

namespace Realtime.Client.State;

/// <summary>The rooms and the inbox that are wanted.</summary>
internal sealed partial class Session
{
    /// <summary>The most that a join has beside its data, or nearly so.</summary>
    private const int JoinBytes = 256;

    public async Task<RealtimeRoom> JoinAsync(string name, JoinOptions options, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        CheckSize(options.Data.Utf8.Length + JoinBytes, name);
        RoomState? room;
        Task<RealtimeRoom> joined;
        lock (_gate)
        {
            EnsureStarted();
            if (_rooms.TryGetValue(name, out room))
            {
                if (room.IsEntered)
                    return room.Room;
            }
            else
            {
                room = new(this, name, options);
                _rooms.Add(name, room);
                if (_connection is not null)
                    room.SendJoin();
            }
            joined = room.Waiting;
            room.Waiters++;
        }
        try
        {
            return await joined.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                // Nobody wants it any more.
                if (--room.Waiters == 0 && !joined.IsCompleted && Has(room))
                    LeaveRoom(room, null);
            }
        }
    }

    public Task LeaveAsync(RoomState room)
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (!Has(room))
                return Task.CompletedTask;
            LeaveRoom(room, left);
        }
        return left.Task;
    }

    private void LeaveRoom(RoomState room, TaskCompletionSource? left)
    {
        Drop(room, new(RealtimeErrorCodes.Left, $"You left {room.Name}.") { Room = room.Name });
        if (_connection is null || IsLeaving(room.Name))
        {
            left?.TrySetResult();
            return;
        }
        SendLeave(room.Name, error =>
        {
            // With its connection the stay has ended too; and a join that was refused has begun none.
            if (error is null or { Code: RealtimeErrorCodes.Offline or RealtimeErrorCodes.NotJoined })
                left?.TrySetResult();
            else
                left?.Fail(error);
        });
    }

    /// <summary>
    /// The server puts this client into a room that it has not asked for. One that it has, as after a reconnect, waits for the answer to its own join: that
    /// brings what was missed.
    /// </summary>
    private void PutIn(string name)
    {
        if (_rooms.ContainsKey(name) || IsLeaving(name))
            return;
        var room = new RoomState(this, name, new());
        _rooms.Add(name, room);
        room.PutIn();
        _feed.Post(room.Room);
    }

    /// <summary>Shows something in a room: at once where this client is in it or about to be, or else by the join to come.</summary>
    public async Task UpdateAsync(RoomState room, JsonData data, CancellationToken cancellation)
    {
        lock (_gate)
        {
            CheckIsIn(room);
            room.Data = data;
        }
        while (true)
        {
            Task<RealtimeRoom>? joined = null;
            lock (_gate)
            {
                CheckIsIn(room);
                EnsureStarted();
                if (!room.IsJoining)
                    joined = room.Waiting;
            }
            if (joined is not null)
            {
                await joined.WaitAsync(cancellation).ConfigureAwait(false);
                return;
            }
            try
            {
                await AskAsync(id => FrameWriter.Update(id, room.Name, data), static (scoped in _) => true, Options.AnswerTimeout, cancellation, waits: false).ConfigureAwait(false);
                lock (_gate)
                    room.Shown = data;
                return;
            }
            catch (RealtimeException exception)
            {
                lock (_gate)
                {
                    // The join that was before it has failed, or the connection was lost: the next join brings it.
                    if (exception.Code is RealtimeErrorCodes.Offline or RealtimeErrorCodes.NotJoined && !room.IsJoining && Has(room) && _loop is not null)
                        continue;
                    // What the server has refused is not brought by a join either.
                    if (exception.Code is not (RealtimeErrorCodes.Offline or RealtimeErrorCodes.Timeout) && room.Data.Utf8.Equals(data.Utf8))
                        room.Data = room.Shown;
                }
                throw;
            }
        }
    }

    private void CheckIsIn(RoomState room)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, typeof(RealtimeClient));
        if (!Has(room))
            throw new RealtimeException(RealtimeErrorCodes.NotJoined, $"{room.Name} was left.") { Room = room.Name };
    }

    public async Task<InboxOpened> OpenInboxAsync(Position? since, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Task<InboxOpened> opened;
        lock (_gate)
        {
            EnsureStarted();
            if (_inbox is null)
            {
                _inbox = new(this, since);
                if (_connection is not null)
                    _inbox.Ask();
            }
            opened = _inbox.Waiting;
        }
        return await opened.WaitAsync(cancellation).ConfigureAwait(false);
    }

    public Task<HistoryPage> HistoryAsync(string room, long? before, int? limit, string? epoch, CancellationToken cancellation)
    {
        if (before is < 1)
            throw new ArgumentOutOfRangeException(nameof(before), before, "It must be 1 or more.");
        if (limit is < 1 or > 100)
            throw new ArgumentOutOfRangeException(nameof(limit), limit, "It must be from 1 to 100.");
        if (epoch is not null)
            NameRule.CheckId(epoch, "The epoch");
        return AskAsync(id => FrameWriter.History(id, room, before, limit, epoch), Pages.History, Options.AnswerTimeout, cancellation);
    }

    // --- for the rooms, under the lock ---

    public bool Has(RoomState room) => _rooms.TryGetValue(room.Name, out var known) && known == room;

    /// <summary>Takes a room out, with its messages that wait.</summary>
    public void Drop(RoomState room, RealtimeException error)
    {
        _rooms.Remove(room.Name);
        if (!room.HasWaiting && error.Code != RealtimeErrorCodes.Left)
            Log.Left(Logger, room.Name, error.Code, error.Message);
        room.End(error);
        foreach (var item in _outbox.All.Where(item => item.Room == room.Name).ToArray())
        {
            _outbox.Take(item);
            item.Fail(error);
        }
    }

    /// <summary>A timer of the room's state has fired.</summary>
    public void Expire(RoomState room)
    {
        try
        {
            lock (_gate)
            {
                if (Has(room))
                    room.Expire();
            }
        }
        catch (Exception exception)
        {
            Log.Failed(Logger, exception);
        }
    }

    public void DropInbox() => _inbox = null;

    /// <summary>What of a room others may ask for at any time.</summary>
    public T Read<T>(RoomState room, Func<RoomState, T> read)
    {
        lock (_gate)
            return read(room);
    }
}
