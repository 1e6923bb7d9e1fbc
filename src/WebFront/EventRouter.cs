using System.Runtime.InteropServices;
using Orleans.Streams;
using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront;

/// <summary>
/// Observes this front's stream and gives each event to its room, or to the connections that it is for: one event per message,
/// however many of them there are.
/// </summary>
internal sealed partial class EventRouter(LocalRooms rooms, DirectEvents direct, TimeProvider time, ILogger<EventRouter> logger)
    : IAsyncBatchObserver<FrontEvent>
{
    private long _lastReceived; // timestamp

    /// <summary>Time since the stream has brought something, or was begun.</summary>
    public TimeSpan Silence => time.GetElapsedTime(Volatile.Read(ref _lastReceived));

    /// <summary>The stream begins: its silence counts from now.</summary>
    public void Begin() => Volatile.Write(ref _lastReceived, time.GetTimestamp());

    public Task OnNextAsync(IList<SequentialItem<FrontEvent>> items)
    {
        Volatile.Write(ref _lastReceived, time.GetTimestamp());
        try
        {
            // Push streams have the events at hand; others have an object around each.
            if (items is IPushBatch<FrontEvent> batch)
                Dispatch(batch.Events);
            else
                Dispatch([.. items.Select(item => item.Item)]);
        }
        catch (Exception exception)
        {
            LogDispatchFailed("all rooms of a batch", exception);
            rooms.Sync();
        }
        return Task.CompletedTask;
    }

    /// <summary>Events were dropped on the way. Which rooms' they were is not known, so all are synced.</summary>
    public Task OnErrorAsync(Exception exception)
    {
        LogStreamError(exception);
        rooms.Sync();
        return Task.CompletedTask;
    }

    private void Dispatch(ReadOnlySpan<FrontEvent> events)
    {
        for (var i = 0; i < events.Length; i++)
        {
            if (!ReferenceEquals(events[i].Target, events[0].Target) || (events.Length > 1 && !events[i].IsOfRoom))
            {
                DispatchByTarget(events);
                return;
            }
        }
        Dispatch(events[0].Target, events);
    }

    /// <summary>Brings together what belongs to one room; order matters within a room only.</summary>
    private void DispatchByTarget(ReadOnlySpan<FrontEvent> events)
    {
        var groups = new Dictionary<(string, bool), List<FrontEvent>>();
        foreach (var item in events)
        {
            var key = (item.Target, item.IsOfRoom);
            if (!groups.TryGetValue(key, out var group))
                groups.Add(key, group = []);
            group.Add(item);
        }
        foreach (var ((target, _), group) in groups)
            Dispatch(target, CollectionsMarshal.AsSpan(group));
    }

    /// <summary>A failure of one room costs the others nothing.</summary>
    private void Dispatch(string target, ReadOnlySpan<FrontEvent> events)
    {
        try
        {
            if (events[0].IsOfRoom)
            {
                if (rooms.Find(target) is { } room)
                    room.Dispatch(events);
                else if (InboxKey.UserOf(target) is { } user)
                    direct.Deliver(user, events);
                return;
            }
            foreach (var item in events)
            {
                if (item.Kind == FrontEventKind.Positions)
                    Compare(item.Positions ?? []);
                else
                    direct.Deliver(item);
            }
        }
        catch (Exception exception)
        {
            LogDispatchFailed(target, exception);
        }
    }

    private void Compare(RoomOrder[] positions)
    {
        foreach (var announced in positions)
            rooms.Find(announced.Room)?.Compare(announced);
    }

    [LoggerMessage(2, LogLevel.Error, "Events for {Target} could not be delivered.")]
    private partial void LogDispatchFailed(string target, Exception exception);

    [LoggerMessage(3, LogLevel.Error, "The front's stream reported an error; every room is synced with its grain.")]
    private partial void LogStreamError(Exception exception);
}
