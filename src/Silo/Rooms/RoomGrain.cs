using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Realtime.PushStreams;
using Realtime.Silo.Fronts;
using Realtime.Silo.Logs;
using Realtime.Silo.Users;

namespace Realtime.Silo.Rooms;

/// <summary>
/// Hosts a <see cref="Room"/>: a turn applies commands, appends their messages to the log, publishes the events to the fronts, and
/// answers when their streams have accepted them. Not reentrant, so turns and events have one order.
/// </summary>
/// <remarks>
/// The log is opened by the first turn that needs it. After an append that failed it is opened again, by the next turn, and
/// then has the last sequence; members stay meanwhile, and fronts detect the gap in the order. Of its fields eight are what
/// Orleans injects, and the rules are in the others' classes.
/// </remarks>
internal sealed partial class RoomGrain(
    IOptions<RoomOptions> options, IRoomLogs logs, TimeProvider time, FrontPublisher publisher, SiloLease lease, RoomRegistry registry,
    HistoryBudget budget, IOptions<InboxOptions> inboxes)
    : Grain, IRoomGrain, IGrainMigrationParticipant
{
    private static readonly TimeSpan s_forever = TimeSpan.FromDays(3650);

    private Room _room = null!; // made in OnActivateAsync
    private IRoomLog? _log; // null when it is not open
    private Task<bool>? _opening;
    private RoomState? _migrated;
    private IGrainTimer? _presenceTimer;
    private IdleDeactivation? _idle;
    private long _published; // the order of the last event that the streams have accepted
    private int _isActive; // 1 from a publish until its order is announced

    private readonly LastBatches _batches = new();

    /// <summary>How many users are in it. May be read from any thread; it may be a moment old.</summary>
    public int MemberCount => _room.Members;

    /// <summary>The order of the last event published; from now on it is not active until it publishes more. For any thread.</summary>
    public RoomOrder TakePublished()
    {
        Interlocked.Exchange(ref _isActive, 0);
        return new RoomOrder(this.GetPrimaryKeyString(), _room.Epoch, Volatile.Read(ref _published));
    }

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        var name = this.GetPrimaryKeyString();
        _owner = InboxKey.UserOf(name);
        Names.Check(_owner ?? name, _owner is null ? "room" : "user");
        _room = NewRoom();
        FindHooks();
        if (_migrated is { } state)
        {
            _room.Load(state);
            if (state.Log is { } mark)
                _log = logs.Resume(mark);
            _batches.Load(state.Batches);
            foreach (var front in _room.Fronts)
                lease.WatchRoom(front, name);
            TryBeginOpen(isKnown: true);
            WatchPresence();
            TellHooks();
            UpdateMemory();
            KeepAlive();
            _migrated = null;
        }
        registry.Add(name, this);
        // As a user's partition: its first calls, which may be of that and to it, are not made under Orleans' lock of the activation.
        await Task.Yield();
    }

    private Room NewRoom() =>
        new(this.GetPrimaryKeyString(), options.Value, time, Retention) { StateBudget = ServiceProvider.GetRequiredService<StateBudget>() };

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        var moves = this.MigrateIfSiloStops(reason);
        registry.Remove(this.GetPrimaryKeyString(), this);
        _memory?.Remove();
        EndState();
        EndOpen();
        foreach (var front in _room.Fronts)
            lease.UnwatchRoom(front, this.GetPrimaryKeyString());
        await DrainHooks(reason, moves);
    }

    void IGrainMigrationParticipant.OnDehydrate(IDehydrationContext context) =>
        context.TryAddValue("room", _room.Save() with
        {
            Batches = _batches.Save(),
            Log = _log?.Mark,
            Webhooks = _webhooks?.Close() ?? [],
        });

    void IGrainMigrationParticipant.OnRehydrate(IRehydrationContext context)
    {
        if (context.TryGetValue("room", out RoomState? state))
            _migrated = state;
    }

    public async ValueTask<SubmitReply> Submit(string front, long batch, RoomCommand[] commands)
    {
        ArgumentException.ThrowIfNullOrEmpty(front);
        RoomCommands.Check(commands);
        if (_batches.ReplyTo(front, batch) is { } repeat)
            return repeat;
        var start = Stopwatch.GetTimestamp();
        using var turn = SiloTracing.StartTurn(commands);
        commands = SiloTracing.Under(turn, commands);
        var (wasEmpty, hadFront) = (_room.IsEmpty, _room.HasFront(front));
        if (_owner is not null && inboxes.Value.Mode == InboxOptions.Off)
            return new SubmitReply(lease.Id, hadFront, [.. commands.Select(command => command is LeaveCommand ? (RoomReply)LeftReply.Instance : s_noInboxes)]);
        if (_log is null && Array.Exists(commands, NeedsLog))
        {
            if (!TryBeginOpen(isKnown: Array.Exists(commands, command => command is SyncCommand)))
                return new SubmitReply(lease.Id, hadFront, [.. commands.Select(command => command is LeaveCommand ? (RoomReply)LeftReply.Instance : s_full)]);
            await TryOpen(Create, RoomCommands.UserOf(commands)); // or else publishes and joins are refused
        }
        _isAtRest = false;
        var replies = new RoomReply[commands.Length];
        await Apply(front, commands, replies);
        _room.EndTurn(commands, replies);
        if (_room.Pending.Length > 0)
            await Commit(replies);
        var reply = new SubmitReply(lease.Id, hadFront, replies) { RestsOn = await RestOrNote() };
        _batches.Set(front, batch, reply);
        await Publish();
        UpdateMemory();
        if (_room.HasFront(front) != hadFront)
            Watch(front, !hadFront);
        if (_room.IsEmpty || wasEmpty)
            KeepAlive();
        SiloMetrics.Turned(start);
        return reply;
    }

    public async Task Drop(string front)
    {
        ArgumentException.ThrowIfNullOrEmpty(front);
        _batches.Remove(front);
        _room.Drop(front);
        _room.EndTurn([], []);
        await Publish();
        if (!_room.IsEmpty)
            return;
        KeepAlive();
        DeactivateIfUnused();
    }

    public Task<int> Remove(string user)
    {
        Names.Check(user, "user");
        CheckIsRoom();
        var room = this.GetPrimaryKeyString();
        DeactivateIfUnused();
        return GrainFactory.AskFronts(front => front.Remove(room, user));
    }

    public async Task<int> Block(string user, TimeSpan? duration)
    {
        CheckIsRoom();
        DeactivateIfUnused();
        // First: who is taken out does not come back between.
        await GrainFactory.GetGrain<IRevocationGrain>(IRevocationGrain.Key).BlockInRoom(this.GetPrimaryKeyString(), user, duration);
        return await Remove(user);
    }

    public Task Unblock(string user)
    {
        DeactivateIfUnused();
        return GrainFactory.GetGrain<IRevocationGrain>(IRevocationGrain.Key).UnblockInRoom(this.GetPrimaryKeyString(), user);
    }

    public Task<int> Reauthorize()
    {
        var room = this.GetPrimaryKeyString();
        DeactivateIfUnused();
        return GrainFactory.AskFronts(front => front.ReauthorizeRoom(room));
    }

    public async Task<RoomDescription> Describe()
    {
        CheckIsRoom();
        await OpenToRead();
        DeactivateIfUnused();
        return _room.IsEmpty && !_room.HasPast ? _room.Describe() : _room.Describe() with { Silo = lease.Id };
    }

    public async Task<HistoryPage> History(long? before, int limit, string? epoch)
    {
        if (limit is < 1 or > Limits.HistoryPage)
            throw new ArgumentOutOfRangeException(nameof(limit), limit, $"limit is {limit}; it must be 1 to {Limits.HistoryPage}.");
        if (before is < 1)
            throw new ArgumentOutOfRangeException(nameof(before), before, $"before is {before}; it must be 1 or more.");
        CheckIsRoom();
        await OpenToRead();
        DeactivateIfUnused();
        return _room.History(before, limit, epoch);
    }

    /// <summary>
    /// Who leaves needs no log, and neither does what is not kept, in a room that has been open. One that was not open is left after the loss of its
    /// silo, of which receivers of webhooks are told.
    /// </summary>
    private bool NeedsLog(RoomCommand command) =>
        _room.HasPast ? command is not (LeaveCommand or PublishCommand { IsEphemeral: true }) : _webhooks is not null || command is not LeaveCommand;

    /// <summary>Appends the turn's messages; what is not committed is neither acknowledged nor published.</summary>
    private async ValueTask Commit(RoomReply[] replies)
    {
        var start = Stopwatch.GetTimestamp();
        using var activity = SiloTracing.StartAppend();
        try
        {
            await _log!.Append(_room.Pending);
            SiloMetrics.Appended(start);
            _log.Trim(_room.Commit());
        }
        catch (Exception exception)
        {
            activity?.SetStatus(ActivityStatusCode.Error);
            SiloMetrics.NotAppended(start, exception is LogFencedException);
            if (exception is not LogException) // else the log has logged why
                LogFailed(exception);
            _log = null;
            _room.RollBack(replies);
            if (exception is LogFencedException)
                DeactivateOnIdle(); // the room is on another silo, and callers find it there
        }
    }

    /// <summary>A read of an empty room that has no log makes none.</summary>
    private async Task OpenToRead()
    {
        if (_room.HasPast)
            return;
        if (!await TryOpen(_room.IsEmpty ? logs.Find : Create, ""))
            throw new RoomException(RoomException.Unavailable, "The room's log cannot be read now; try again.");
        if (_room.HasPast)
            TryBeginOpen(isKnown: true);
        TellHooks();
        UpdateMemory();
    }

    private async ValueTask<OpenedLog?> Create(string room, Retention retention, string user) => await logs.Open(room, retention, user);

    /// <summary>Opens the log; false when it cannot be had. Calls that only read come together, so they wait for one opening.</summary>
    private async ValueTask<bool> TryOpen(Func<string, Retention, string, ValueTask<OpenedLog?>> open, string user)
    {
        if (_log is not null)
            return true;
        _opening ??= Open();
        try
        {
            return await _opening;
        }
        finally
        {
            _opening = null;
            if (!_room.HasPast && _room.IsEmpty)
                EndOpen();
        }

        async Task<bool> Open()
        {
            try
            {
                var found = await open(this.GetPrimaryKeyString(), Retention, user);
                if (await TryTakeRest(found) || found is not { } opened)
                    return true; // there is none, or it was elsewhere
                var told = await FindCursors(opened, user);
                var known = _room.Position;
                _room.Open(opened);
                _log = opened.Log;
                TellMissed(opened, told, known);
                return true;
            }
            catch (Exception exception)
            {
                if (exception is not LogException) // else the log has logged why
                    LogFailed(exception);
                return false;
            }
        }
    }

    private Task Publish()
    {
        WatchPresence();
        TellHooks();
        return PushEvents();
    }

    private void WatchPresence()
    {
        if (!_room.PresenceIsDue || _presenceTimer is not null)
            return;
        var (count, change) = (options.Value.PresenceCountInterval, options.Value.PresenceChangeInterval);
        var period = count < change ? count : change;
        _presenceTimer = this.RegisterGrainTimer(static (grain, _) => grain.OnPresenceTimer(), this, new GrainTimerCreationOptions(period, period));
    }

    private Task PushEvents()
    {
        var activity = SiloTracing.StartStream();
        var pushed = publisher.Publish(_room.Fronts, _room.Events);
        _room.ClearEvents();
        if (!pushed.IsCompletedSuccessfully)
            return ThenPublished(pushed);
        activity?.Dispose();
        OnPublished();
        return Task.CompletedTask;

        async Task ThenPublished(Task pushed)
        {
            await pushed;
            activity?.Dispose();
            OnPublished();
        }
    }

    private void OnPublished()
    {
        if (_published == _room.Order)
            return;
        Volatile.Write(ref _published, _room.Order);
        if (Interlocked.Exchange(ref _isActive, 1) == 0)
            registry.MarkActive(this);
    }

    private Task OnPresenceTimer()
    {
        _room.PublishDuePresence();
        if (!_room.PresenceIsDue)
        {
            _presenceTimer?.Dispose();
            _presenceTimer = null;
        }
        return PushEvents();
    }

    private void Watch(string front, bool entered)
    {
        if (entered)
            lease.WatchRoom(front, this.GetPrimaryKeyString());
        else
            lease.UnwatchRoom(front, this.GetPrimaryKeyString());
    }

    /// <summary>
    /// A room with members must stay in memory; an empty one as long as its history and publish ids are of use.
    /// </summary>
    private void KeepAlive() => DelayDeactivation(!_room.IsEmpty || WebhooksWait() ? s_forever : IdleTime > HookTime ? IdleTime : HookTime);

    private void DeactivateIfUnused()
    {
        if (IsUnused)
            (_idle ??= new IdleDeactivation(this, () => IsUnused)).Schedule();
    }

    /// <summary>Nobody has joined or published, or it is so long ago that nothing is left of it.</summary>
    private bool IsUnused => _room.IsEmpty && _batches.IsEmpty && IdleTime == TimeSpan.Zero && HookTime == TimeSpan.Zero && !WebhooksWait();

    private ILogger Logger => ServiceProvider.GetRequiredService<ILogger<RoomGrain>>();

    private void LogFailed(Exception exception) =>
        SafeLog.Write(() => LogFailed(Logger, this.GetPrimaryKeyString(), exception));

    [LoggerMessage(1, LogLevel.Error, "The log of room {Room} failed as it should not; its publishes are refused.")]
    private static partial void LogFailed(ILogger logger, string room, Exception exception);
}
