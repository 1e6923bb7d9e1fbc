using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Chaos.Tests.Model;

/// <summary>A silo with the room on it: what <c>RoomGrain</c> does in a turn, with the real <see cref="Room"/>, and the streams to the fronts.</summary>
internal sealed class ModelSilo
{
    private readonly Walk _walk;
    private readonly Room _room;
    private readonly LastBatches _batches = new();
    private IRoomLog? _log;

    public ModelSilo(string name, Walk walk, RoomState? moved = null)
    {
        (Name, _walk) = (name, walk);
        _room = new Room(Walk.Room, walk.Options, walk.Time) { StateBudget = new StateBudget(long.MaxValue) };
        if (moved is null)
            return;
        _room.Load(moved);
        _log = moved.Log is { } mark ? walk.Log.Resume(mark) : null;
        _batches.Load(moved.Batches);
    }

    public string Name { get; }

    /// <summary>What is on its way to each front, in order: arrays of events, and announcements.</summary>
    public Dictionary<ModelFront, Queue<object>> Streams { get; } = [];

    public RoomState Save() => _room.Save() with { Batches = _batches.Save(), Log = _log?.Mark };

    public SubmitReply Submit(string front, long number, RoomCommand[] commands)
    {
        if (_batches.ReplyTo(front, number) is { } repeat)
            return repeat;
        var hadFront = _room.HasFront(front);
        if (_log is null && Array.Exists(commands, command => command is not LeaveCommand))
            TryOpen();
        RoomReply[] replies = [.. commands.Select(command => _room.Apply(front, command))];
        _room.EndTurn(commands, replies);
        if (_room.Pending.Length > 0)
            Commit(replies);
        var reply = new SubmitReply(Name, hadFront, replies);
        _batches.Set(front, number, reply);
        Push();
        return reply;
    }

    /// <summary>A service publishes.</summary>
    public RoomReply Publish(string id)
    {
        TryOpen();
        RoomReply[] replies = [_room.Publish(FrontEventKind.Message, "service", id, ModelClient.BodyOf(id), isService: true)];
        if (_room.Pending.Length > 0)
            Commit(replies);
        Push();
        return replies[0];
    }

    /// <summary>The front's lease has ended.</summary>
    public void Drop(ModelFront front)
    {
        _batches.Remove(front.Id);
        _room.Drop(front.Id);
        _room.EndTurn([], []);
        Push();
    }

    /// <summary>Tells the fronts how far the room is.</summary>
    public void Announce()
    {
        if (_room.HasPast)
            Push(new RoomOrder(Walk.Room, _room.Epoch, _room.Order));
    }

    private void TryOpen()
    {
        if (_log is not null)
            return;
        try
        {
            var opened = _walk.Log.Open(Walk.Room, _walk.Options.RetentionOf(Walk.Room)).Result;
            _room.Open(opened);
            _log = opened.Log;
        }
        catch (LogException)
        {
            // The room refuses.
        }
    }

    private void Commit(RoomReply[] replies)
    {
        try
        {
            _log!.Append(_room.Pending).GetAwaiter().GetResult();
            _log.Trim(_room.Commit());
        }
        catch (LogException)
        {
            _log = null;
            _room.RollBack(replies);
        }
    }

    private void Push()
    {
        if (_room.Events.Length > 0)
            Push(_room.Events.ToArray());
        _room.ClearEvents();
    }

    private void Push(object item)
    {
        foreach (var front in _walk.Fronts.Where(front => _room.Fronts.Contains(front.Id)))
        {
            if (!Streams.TryGetValue(front, out var stream))
                Streams.Add(front, stream = new Queue<object>());
            stream.Enqueue(item);
        }
    }
}
