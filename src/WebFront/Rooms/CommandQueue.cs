using System.Diagnostics;
using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <summary>
/// The way of a front's commands to a room's grain: in one order and one call at a time. Commands that are added while a call is under
/// way form the next batch, so a join precedes the messages that follow it, and a busy room costs few calls.
/// </summary>
internal sealed class CommandQueue(LocalRoom room, RoomServices services) : IThreadPoolWorkItem
{
    /// <summary>The answer to what was given up: the room may have had it, or may yet.</summary>
    public static readonly RefusedReply Unreachable = new(ErrorCodes.Unavailable, "The room could not be reached; try again.");

    private readonly Lock _gate = new(); // of the three below
    private CommandBatch _waiting;
    private bool _syncIsDue;
    private bool _isRunning;

    private GrainCall _current; // of the one loop that runs
    private IRoomGrain? _grain;
    private Action? _onAnswer;
    private volatile string? _silo;
    private volatile string? _restsOn;

    /// <summary>The silo of the grain's last answer; null when it is not known.</summary>
    public string? Silo => _silo;

    /// <summary>The last answer was of an inbox that needs no members, and nothing is to be asked: <see cref="SubmitReply.RestsOn"/>. Null otherwise.</summary>
    public string? RestsOn
    {
        get
        {
            lock (_gate)
                return _isRunning ? null : _restsOn;
        }
    }

    /// <summary>Sends a command. Its answer goes to <see cref="LocalRoom"/>.</summary>
    public void Add(PendingCommand command)
    {
        lock (_gate)
        {
            _waiting.Add(command);
            if (_isRunning)
                return;
            _isRunning = true;
        }
        Start();
    }

    /// <summary>Sends a sync with the next call.</summary>
    public void RequestSync()
    {
        lock (_gate)
        {
            _syncIsDue = true;
            if (_isRunning)
                return;
            _isRunning = true;
        }
        Start();
    }

    /// <summary>Where the grain is, is not known any more.</summary>
    public void ForgetSilo() => _silo = null;

    /// <summary>
    /// Off the reader's stack and behind the readers that have been woken already: what they bring joins the first call.
    /// </summary>
    private void Start() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    void IThreadPoolWorkItem.Execute() => Run();

    /// <summary>
    /// One call after the other until nothing waits. By hand, not with await: a publish would cost a state machine otherwise.
    /// </summary>
    private void Run()
    {
        while (true)
        {
            try
            {
                if (!TakeBatch())
                {
                    if (_restsOn is not null)
                        room.Rest();
                    return;
                }
                _current.Reply = Call();
                if (!_current.Reply.IsCompleted)
                {
                    _current.Reply.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_onAnswer ??= OnAnswer);
                    return;
                }
            }
            catch (Exception exception)
            {
                Abandon(exception);
                continue;
            }
            if (!EndCall())
                return;
        }
    }

    private void OnAnswer()
    {
        if (EndCall())
            Run();
    }

    /// <summary>
    /// A fault of the front itself. This runs on the thread pool's own stack, where it would end the process; so it costs the
    /// batch, and the room is compared with its grain again.
    /// </summary>
    private void Abandon(Exception exception)
    {
        SafeLog.Write(() => services.LogCallFailed(room.Name, _current.Batch.Count, exception));
        Answer(null);
        room.AbandonSync();
    }

    private bool TakeBatch()
    {
        do
        {
            bool syncs;
            lock (_gate)
            {
                if (_waiting.Count == 0 && !_syncIsDue)
                {
                    _isRunning = false;
                    return false;
                }
                (_current.Batch, _waiting) = (_waiting, default);
                (syncs, _syncIsDue) = (_syncIsDue, false);
            }
            if (_current.Batch.Count > 0)
                FrontMetrics.Waited(_current.Batch[0].Since);
            // The members as they are now; changes of the batch come after it.
            if (syncs && room.CreateSync() is { } sync)
                _current.Batch.Insert(new PendingCommand(null, null, sync, null));
        }
        while (_current.Batch.Count == 0);
        room.BeginCall();
        _current.Activity = FrontTracing.StartCall(_current.Batch);
        _current.Commands = _current.Batch.ToCommands();
        _current.Number = services.Calls.NextBatch();
        _current.HadMembers = services.Registry.CountRoom(room.Name) > 0;
        _current.Start = services.Time.GetTimestamp();
        return true;
    }

    private ValueTask<SubmitReply> Call()
    {
        if (_current.Activity is not null)
            Activity.Current = _current.Activity; // the call is part of it
        try
        {
            return (_grain ??= services.Calls.Room(room.Name)).Submit(services.Calls.Front, _current.Number, _current.Commands);
        }
        catch (Exception exception)
        {
            return ValueTask.FromException<SubmitReply>(exception); // as if the call had failed later
        }
        finally
        {
            if (_current.Activity is not null)
                Activity.Current = null;
        }
    }

    /// <summary>False when it has failed, is made again, and what follows waits for that.</summary>
    private bool EndCall()
    {
        SubmitReply reply;
        try
        {
            reply = _current.Reply.GetAwaiter().GetResult();
        }
        catch (Exception exception)
        {
            _ = CallAgain(exception);
            return false;
        }
        Answer(reply);
        return true;
    }

    private async Task CallAgain(Exception failure)
    {
        SubmitReply? reply = null;
        try
        {
            reply = await services.Calls.Repeat(() => Call().AsTask(), failure, _current.Start);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => services.LogCallFailed(room.Name, _current.Commands.Length, exception));
        }
        Answer(reply);
        Run();
    }

    /// <summary>Every command of the batch has its answer, and exactly one.</summary>
    private void Answer(SubmitReply? reply)
    {
        var batch = _current.Batch;
        var hadMembers = _current.HadMembers;
        FrontTracing.Stop(_current.Activity);
        _current = default;
        _restsOn = reply?.RestsOn;
        if (reply is not null)
        {
            _silo = reply.Silo;
            // The room was lost and made anew, or has dropped this front.
            if (hadMembers && !reply.KnewFront && reply.RestsOn is null && batch[0].Session is not null)
                room.Sync();
        }
        for (var i = 0; i < batch.Count; i++)
            room.Answer(batch[i], reply is not null && i < reply.Replies.Length ? reply.Replies[i] : Unreachable);
        batch.Release();
    }

    /// <summary>The call under way; there is at most one.</summary>
    private struct GrainCall
    {
        public CommandBatch Batch;
        public RoomCommand[] Commands;
        public ValueTask<SubmitReply> Reply;
        public long Number; // the room recognises a repeat by it
        public long Start; // timestamp
        public bool HadMembers;
        public Activity? Activity; // null when nothing of it is traced
    }
}
