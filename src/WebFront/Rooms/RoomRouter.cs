using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Streams;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <summary>
/// Receives this front's stream and hands each event to the connections that it is for: one event per message, however
/// many of them there are.
/// </summary>
internal sealed partial class RoomRouter : IAsyncBatchObserver<FrontEvent>
{
    private readonly ConcurrentDictionary<string, LocalRoom> _rooms = new();
    private readonly IGrainFactory _grains;
    private readonly ILogger<RoomRouter> _logger;

    private long _batch;
    private long _heardAt;

    public RoomRouter(
        IGrainFactory grains, ConnectionRegistry registry, IOptions<FrontOptions> options, SlowConsumers slowConsumers,
        TimeProvider time, IMeterFactory meters, ILogger<RoomRouter> logger)
    {
        (_grains, Registry, Options, SlowConsumers, Time, _logger) = (grains, registry, options.Value, slowConsumers, time, logger);
        var meter = meters.Create("Realtime.WebFront");
        meter.CreateObservableGauge("realtime.front.rooms", () => _rooms.Count, "{room}", "Rooms with connections at this front.");
        Repairs = meter.CreateCounter<long>("realtime.front.repairs", "{repair}", "Times that a room was asked for what had not come.");
    }

    /// <summary>This front's id: new at each start, so that what was said to a former process never reaches this one.</summary>
    public string Front { get; } = Guid.NewGuid().ToString("N")[..12];

    public ConnectionRegistry Registry { get; }

    public Counter<long> Repairs { get; }

    public FrontOptions Options { get; }

    public SlowConsumers SlowConsumers { get; }

    public TimeProvider Time { get; }

    public IEnumerable<LocalRoom> Rooms => _rooms.Values;

    /// <summary>How long ago the front's stream, or the front itself, has begun or brought something.</summary>
    public TimeSpan Silence => Time.GetElapsedTime(Volatile.Read(ref _heardAt));

    /// <summary>A call to a grain, made again while its silo is dying and another takes over. It may run twice.</summary>
    public Task<T> Call<T>(Func<Task<T>> call) => Retry.Transient(call, Options.CallTimeout, Time);

    /// <summary>As <see cref="Call"/>, for a call that has begun at <paramref name="start"/> and failed.</summary>
    public Task<T> CallAgain<T>(Func<Task<T>> call, Exception failure, long start) => Retry.After(failure, call, start, Options.CallTimeout, Time);

    /// <summary>The stream begins: its silence counts from now.</summary>
    public void Heard() => Volatile.Write(ref _heardAt, Time.GetTimestamp());

    /// <summary>Numbers calls to rooms, so that a room knows a repeat.</summary>
    public long NextBatch() => Interlocked.Increment(ref _batch);

    public IRoomGrain Grain(string room) => _grains.GetGrain<IRoomGrain>(room);

    public IClusterGrain Cluster => _grains.GetGrain<IClusterGrain>(IClusterGrain.Key);

    public IUserGrain User(string user) => _grains.GetGrain<IUserGrain>(user);

    /// <summary>The local side of a room, kept until <see cref="LocalRoom.Release"/>.</summary>
    public LocalRoom Acquire(string name)
    {
        while (true)
        {
            var room = _rooms.GetOrAdd(name, static (key, router) => new LocalRoom(key, router), this);
            if (room.TryAcquire())
                return room;
            Remove(room);
        }
    }

    public void Remove(LocalRoom room) => _rooms.TryRemove(KeyValuePair.Create(room.Name, room));

    public Task OnNextAsync(IList<SequentialItem<FrontEvent>> items)
    {
        Heard();
        try
        {
            // Our own streams have the events at hand; others have an object around each.
            if (items is IPushBatch<FrontEvent> batch)
                Dispatch(batch.Events);
            else
                Dispatch([.. items.Select(item => item.Item)]);
        }
        catch (Exception exception)
        {
            LogDispatchFailed("all rooms of a batch", exception);
            SyncAll();
        }
        return Task.CompletedTask;
    }

    private void Dispatch(ReadOnlySpan<FrontEvent> events)
    {
        for (var i = 0; i < events.Length; i++)
        {
            if (!ReferenceEquals(events[i].Target, events[0].Target) || (events.Length > 1 && IsForNoRoom(events[i])))
            {
                DispatchByTarget(events);
                return;
            }
        }
        Dispatch(events[0].Target, events);
    }

    /// <summary>Events were dropped on the way. Which rooms' they were is not known, so all are compared with their grains.</summary>
    public Task OnErrorAsync(Exception exception)
    {
        LogStreamError(exception);
        SyncAll();
        return Task.CompletedTask;
    }

    /// <summary>Compares every room with its grain.</summary>
    public void SyncAll()
    {
        foreach (var room in _rooms.Values)
            Sync(room, []);
    }

    /// <summary><see cref="LocalRoom.SyncUnlessOn"/>, of which a failure must not cost the other rooms theirs.</summary>
    public void Sync(LocalRoom room, string[] silos)
    {
        try
        {
            room.SyncUnlessOn(silos);
        }
        catch (Exception exception)
        {
            LogDispatchFailed(room.Name, exception);
        }
    }

    /// <summary>Brings together what belongs to one room; order matters within a room only.</summary>
    private void DispatchByTarget(ReadOnlySpan<FrontEvent> events)
    {
        var groups = new Dictionary<(string, bool), List<FrontEvent>>();
        foreach (var item in events)
        {
            var key = (item.Target, IsForNoRoom(item));
            if (!groups.TryGetValue(key, out var group))
                groups.Add(key, group = []);
            group.Add(item);
        }
        foreach (var ((target, _), group) in groups)
            Dispatch(target, CollectionsMarshal.AsSpan(group));
    }

    private void Dispatch(string target, ReadOnlySpan<FrontEvent> events)
    {
        try
        {
            if (IsForNoRoom(events[0]))
            {
                foreach (var item in events)
                    Handle(item);
            }
            else if (_rooms.TryGetValue(target, out var room))
                room.Dispatch(events);
        }
        catch (Exception exception)
        {
            // One room's trouble must not cost the others their events.
            LogDispatchFailed(target, exception);
        }
    }

    private static bool IsForNoRoom(FrontEvent item) => item.Kind >= FrontEventKind.DirectMessage;

    private void Handle(FrontEvent item)
    {
        switch (item.Kind)
        {
            case FrontEventKind.DirectMessage:
                Registry.SendToUser(item.Target, MessageFrames.Direct(item));
                break;
            case FrontEventKind.DirectText:
                Registry.SendToUser(item.Target, Frame.Text(item.Body));
                break;
            case FrontEventKind.DirectBinary:
                Registry.SendToUser(item.Target, Frame.Binary(item.Body));
                break;
            case FrontEventKind.Positions:
                foreach (var told in item.Positions ?? [])
                {
                    if (_rooms.TryGetValue(told.Room, out var room))
                        room.Compare(told);
                }
                break;
            case FrontEventKind.EveryoneMessage:
                Registry.Broadcast(MessageFrames.Direct(item));
                break;
            case FrontEventKind.EveryoneText:
                Registry.Broadcast(Frame.Text(item.Body));
                break;
            case FrontEventKind.EveryoneBinary:
                Registry.Broadcast(Frame.Binary(item.Body));
                break;
            case FrontEventKind.Disconnect:
                var reason = item.Body.Length == 0 ? "disconnected by the server" : Encoding.UTF8.GetString(item.Body);
                foreach (var connection in Registry.GetUser(item.Target))
                    _ = connection.CloseAsync(CloseCodes.Kicked, reason);
                break;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Room {Room} did not answer a call with {Commands} commands.")]
    public partial void LogCallFailed(string room, int commands, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "Events for {Target} could not be given to its connections.")]
    public partial void LogDispatchFailed(string target, Exception exception);

    [LoggerMessage(7, LogLevel.Error, "An answer of room {Room} could not be given to the connection that waits for it, which is closed.")]
    public partial void LogAnswerFailed(string room, Exception exception);

    [LoggerMessage(4, LogLevel.Warning, "Room {Room} lacks {Events} events (-1: it is new); they are fetched.")]
    public partial void LogGap(string room, long events);

    [LoggerMessage(5, LogLevel.Error, "{Messages} messages of room {Room} are gone from its log.")]
    public partial void LogLost(string room, long messages);

    [LoggerMessage(3, LogLevel.Error, "The front's stream reported an error; every room is compared with its grain.")]
    private partial void LogStreamError(Exception exception);
}
