using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Clients;

/// <summary>
/// A client that does what the JavaScript one does: it comes back to another front with full jitter, joins its rooms with
/// its position, leaves out what it has had, mends holes, and sends publishes without an answer again under their id. And
/// it writes down what it sees.
/// </summary>
/// <param name="name">Tells clients apart.</param>
/// <param name="user">Whose device it is.</param>
/// <param name="rooms">What it is in: rooms, or the user's inbox.</param>
/// <param name="inboxes">Others' inboxes that it writes to.</param>
/// <param name="open">What carries its frames; a WebSocket when null.</param>
internal sealed class ProtocolClient(
    string name, string user, string[] rooms, string[] inboxes, Func<IReadOnlyList<Uri>> fronts, Stopwatch clock, OpenLine? open = null) : IPublishingMember
{
    /// <summary>A connection that lived this long was a good one: the next loss starts the back-off afresh.</summary>
    private static readonly TimeSpan s_stableAfter = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly FrontChoice _fronts = new(fronts);
    private readonly RoomStay[] _stays = [.. rooms.Select(room => new RoomStay(room))];
    private readonly RoomStay[] _targets = [.. inboxes.Select(inbox => new RoomStay(inbox) { IsJoined = true })];
    private readonly Dictionary<string, Publish> _unanswered = [];
    private readonly Queue<Publish> _outbox = new(); // in the order of publishing; those that are answered meanwhile are left out
    private ChannelWriter<string>? _out;
    private Action _cut = () => { };
    private int _ids;
    private int _connection; // counts them: what comes late from a former one is nothing to this one

    public ClientHistory History { get; } = new(name, rooms, []);

    public string Name => name;

    public int Unanswered
    {
        get
        {
            lock (_gate)
                return _unanswered.Count;
        }
    }

    public Position? In(string room)
    {
        lock (_gate)
            return Stay(room) is { IsJoined: true } stay ? stay.Position : null;
    }

    public void Publish(Publish publish)
    {
        lock (_gate)
        {
            _unanswered.Add(publish.Id, publish);
            _outbox.Enqueue(publish);
            Flush();
        }
    }

    public void GiveUp(string why)
    {
        lock (_gate)
        {
            foreach (var publish in _unanswered.Values)
                publish.Failure = why;
            _unanswered.Clear();
        }
    }

    public async Task Run(CancellationToken stopping)
    {
        var attempt = 0;
        while (!stopping.IsCancellationRequested)
        {
            var opened = clock.Elapsed;
            var wasOpen = await Connect(stopping);
            if (stopping.IsCancellationRequested)
                return;
            if (wasOpen && clock.Elapsed - opened >= s_stableAfter)
                attempt = 0;
            await Task.Delay(BackOff.Next(attempt++), stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>One connection from its opening to its loss; false when it could not be opened.</summary>
    private async Task<bool> Connect(CancellationToken stopping)
    {
        using var line = await (open ?? SocketLine.Open)(_fronts.Next(), user, stopping);
        if (line is null)
            return false;
        var frames = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true });
        lock (_gate)
        {
            Write(new HistoryEvent(clock.Elapsed, EventKind.Connected));
            _connection++;
            _out = frames.Writer;
            foreach (var stay in _stays)
                SendJoin(stay);
        }
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        lock (_gate)
            _cut = ended.Cancel;
        var sending = line.Send(frames.Reader, ended.Token);
        var why = await line.Receive(frame =>
        {
            lock (_gate)
                Received(frame);
        }, ended.Token);
        lock (_gate)
        {
            _out = null;
            _cut = () => { };
            if (!stopping.IsCancellationRequested) // the end of the run is no loss
                Lost(why);
        }
        await ended.CancelAsync();
        await sending;
        return true;
    }

    private void Received(ServerFrame frame)
    {
        switch (frame.Type)
        {
            case "message" when frame.Room is not null:
                Message(Stay(frame.Room), frame);
                break;
            case "message" when frame.At.Epoch.Length > 0 && Array.Find(_stays, stay => stay.InboxOf == frame.To) is { } inbox:
                Message(inbox, frame);
                break;
            case "inbox":
                Joined(Array.Find(_stays, stay => stay.InboxOf == user)!, frame);
                break;
            case "joined":
                Joined(Stay(frame.Room!), frame);
                break;
            case "left" when Stay(frame.Room!) is var stay && stay.Request == frame.Id:
                SendJoin(stay);
                break;
            case "ack":
                if (_unanswered.Remove(frame.Id!, out var publish))
                {
                    publish.AnsweredAt = clock.Elapsed;
                    if (frame.At.Epoch.Length > 0)
                        publish.Ack = frame.At;
                    else
                        publish.Failure = Checking.Publish.NotKept;
                    Stay(publish.Room).Attempt = 0;
                }
                break;
            case "error":
                Refused(frame);
                break;
        }
    }

    private void Joined(RoomStay stay, ServerFrame frame)
    {
        // Without an id it is the server that says that messages are lost.
        if (frame.Id is null ? !stay.IsJoined : stay.Request != frame.Id)
            return;
        Write(new HistoryEvent(clock.Elapsed, EventKind.Joined, stay.Name, frame.At, frame.Recovered));
        // When recovered, the position moves with the missed messages: a loss among them then resumes where it was.
        if (frame.Recovered != true)
            stay.Position = frame.At;
        (stay.IsJoined, stay.Request, stay.Attempt) = (true, null, 0);
        Flush();
    }

    private void Message(RoomStay stay, ServerFrame frame)
    {
        // While a room is joined anew, what still comes from the former stay comes again.
        if (!stay.IsJoined)
            return;
        var before = stay.Position!.Value;
        if (before.Epoch == frame.At.Epoch)
        {
            if (frame.At.Sequence <= before.Sequence)
            {
                Write(new HistoryEvent(clock.Elapsed, EventKind.Repeat, stay.Name, frame.At, Content: frame.Content));
                return;
            }
            if (frame.At.Sequence > before.Sequence + 1 && stay.Mended != before)
            {
                // A loss on the way here: mended by leaving and joining from before it. Once; then the checker sees the hole.
                Write(new HistoryEvent(clock.Elapsed, EventKind.Hole, stay.Name, frame.At, Content: $"after {before}"));
                stay.Mended = before;
                stay.IsJoined = false;
                if (stay.InboxOf is not null)
                {
                    _cut(); // there is no way out of an inbox but to close
                    return;
                }
                stay.Request = Ask(new JsonObject { ["type"] = "leave", ["room"] = stay.Name });
                return;
            }
        }
        stay.Position = frame.At;
        Write(new HistoryEvent(clock.Elapsed, EventKind.Message, stay.Name, frame.At, Content: frame.Content));
    }

    private void Refused(ServerFrame frame)
    {
        var passes = frame.Code == "unavailable";
        if (_unanswered.TryGetValue(frame.Id ?? "", out var publish))
        {
            if (!passes)
            {
                _unanswered.Remove(publish.Id);
                publish.Failure = $"{frame.Code}: {frame.Content}";
                return;
            }
            // Again under its id, with what is written meanwhile behind it, after one pause for all that were refused.
            _outbox.Enqueue(publish);
            var room = Stay(publish.Room);
            if (!room.IsPaused)
                Later(room, () => room.IsPaused = false);
            room.IsPaused = true;
            return;
        }
        Write(new HistoryEvent(clock.Elapsed, EventKind.Refused, frame.Room, Content: $"{frame.Code}: {frame.Content}"));
        if (Array.Find(_stays, stay => stay.Request is not null && stay.Request == frame.Id) is { } refused)
            Later(refused, () => SendJoin(refused));
    }

    private void Later(RoomStay stay, Action then)
    {
        var connection = _connection;
        _ = Task.Delay(BackOff.Next(stay.Attempt++)).ContinueWith(_ =>
        {
            lock (_gate)
            {
                if (connection != _connection || _out is null)
                    return;
                then();
                Flush();
            }
        }, TaskScheduler.Default);
    }

    private void Lost(string why)
    {
        Write(new HistoryEvent(clock.Elapsed, EventKind.Lost, Content: why));
        foreach (var stay in _stays)
            (stay.IsJoined, stay.Request, stay.IsPaused) = (false, null, false);
        foreach (var target in _targets)
            target.IsPaused = false;
        _outbox.Clear();
        foreach (var publish in _unanswered.Values.OrderBy(publish => publish.SentAt))
            _outbox.Enqueue(publish);
    }

    private void SendJoin(RoomStay stay)
    {
        var join = stay.InboxOf is null ? new JsonObject { ["type"] = "join", ["room"] = stay.Name } : new JsonObject { ["type"] = "inbox" };
        if (stay.Position is { } position)
            (join["epoch"], join["seq"]) = (position.Epoch, position.Sequence);
        stay.Request = Ask(join);
    }

    private string Ask(JsonObject frame)
    {
        var id = $"q{++_ids}";
        frame["id"] = id;
        _out!.TryWrite(frame.ToJsonString());
        return id;
    }

    /// <summary>Sends what waits for a room that can take it.</summary>
    private void Flush()
    {
        if (_out is null)
            return;
        for (var left = _outbox.Count; left > 0; left--)
        {
            var publish = _outbox.Dequeue();
            if (!_unanswered.ContainsKey(publish.Id))
                continue;
            if (Stay(publish.Room) is { IsJoined: false } or { IsPaused: true })
            {
                _outbox.Enqueue(publish);
                continue;
            }
            publish.Tries++;
            _out.TryWrite(new JsonObject
            {
                ["type"] = "message",
                ["id"] = publish.Id,
                [Inbox.UserOf(publish.Room) is null ? "room" : "to"] = Inbox.UserOf(publish.Room) ?? publish.Room,
                ["content"] = publish.Id,
            }.ToJsonString());
        }
    }

    private RoomStay Stay(string room) => Array.Find(_stays, stay => stay.Name == room) ?? Array.Find(_targets, target => target.Name == room)!;

    private void Write(HistoryEvent item) => History.Events.Add(item);
}
