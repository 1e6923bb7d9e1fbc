using Realtime.Chaos.Checking;
using Realtime.Grains;
using Realtime.Silo.Rooms;
using Realtime.Tests.Shared;

namespace Realtime.Chaos.Tests.Model;

/// <summary>
/// One random order of what may happen to a room, its fronts and their clients: calls and their answers are lost, late or made twice, events are
/// lost or come twice, silos and fronts die, the room moves, its log fails. The room and its time lines are the real classes; what carries their
/// messages is not. At the end all comes to rest, and the histories are held against the rules of a run of chaos.
/// </summary>
internal sealed class Walk
{
    public const string Room = "room";

    /// <summary>Small, so that resumes and what is held meet it at times.</summary>
    public const int MaxResumeBytes = 4000;

    private const int StepsOfTrouble = 400;
    private const int StepsToRest = 4000;

    private readonly bool _logOutlivesSilos;
    private readonly Random _random;
    private readonly List<(ModelCall Call, SubmitReply? Reply)> _replies = [];
    private readonly List<ModelClient> _clients = [];
    private readonly List<ModelSilo> _past = []; // of which something may still come
    private ModelSilo _silo;
    private bool _isCalm;
    private int _names;

    /// <param name="seed">All of it follows from it.</param>
    /// <param name="logOutlivesSilos">As with a database; else the room's log is its memory.</param>
    public Walk(int seed, bool logOutlivesSilos)
    {
        (_logOutlivesSilos, _random) = (logOutlivesSilos, new Random(seed));
        Options = new RoomOptions { HistoryMessages = _random.Next(3, 30), PresenceLimit = _random.Next(0, 6) };
        Log = new ModelLog(this, logOutlivesSilos);
        _silo = NewSilo();
        for (var i = 0; i < 3; i++)
            Fronts.Add(new ModelFront($"f{_names++}", this));
        for (var i = 0; i < 5; i++)
            _clients.Add(new ModelClient($"user{i}"));
    }

    public RoomOptions Options { get; }

    public ManualTimeProvider Time { get; } = new();

    public ModelLog Log { get; }

    public List<ModelFront> Fronts { get; } = [];

    /// <summary>Calls on their way to the room.</summary>
    public List<(ModelFront Front, ModelCall Call)> Requests { get; } = [];

    /// <summary>What has happened, in order.</summary>
    public List<string> Steps { get; } = [];

    public bool OneIn(int count) => _random.Next(count) == 0;

    /// <summary>Whether something that is out of order happens now.</summary>
    public bool Fault(int oneIn) => !_isCalm && OneIn(oneIn);

    /// <summary>Walks, comes to rest, and gives what the rules say of it.</summary>
    public Verdict Run()
    {
        for (var i = 0; i < StepsOfTrouble; i++)
            Step();
        _isCalm = true;
        Rest();
        var ends = new Dictionary<string, Checking.Position>();
        var last = new Publish("last", Room, default);
        if (_silo.Publish(last.Id) is PublishedReply { Receipt: var receipt })
            ends.Add(Room, new(receipt.Epoch, receipt.Sequence));
        Rest();
        return Checker.Check(new RunHistory(
            [.. _clients.Select(client => new ClientHistory(client.User, [Room], client.Events))],
            [.. _clients.SelectMany(client => client.Publishes)], ends, _logOutlivesSilos));
    }

    private void Step()
    {
        switch (_random.Next(100))
        {
            case < 18:
                Act(Any(_clients));
                break;
            case < 34:
                Arrive();
                break;
            case < 50:
                Answer();
                break;
            case < 68:
                Deliver();
                break;
            case < 88:
                Read(Any(_clients));
                break;
            case < 91:
                _silo.Announce();
                break;
            case < 93:
                Time.Advance(TimeSpan.FromMilliseconds(_random.Next(1, 2000)));
                break;
            case < 96:
                Recover(Any(Fronts));
                break;
            default:
                Break();
                break;
        }
    }

    private void Break()
    {
        switch (_random.Next(11))
        {
            case 0:
                KillSilo();
                break;
            case 1:
                Move();
                break;
            case 2:
                KillFront(Any(Fronts));
                break;
            case 3:
                var front = Any(Fronts);
                Steps.Add($"{front.Id} is taken for dead");
                _silo.Drop(front);
                front.IsRecovering = front.IsForgotten = true;
                break;
            case 4 when Requests.Count > 0: // made again, and the first may still come
                var (from, call) = Any(Requests);
                if (call.Tries++ < 3)
                    Requests.Add((from, call));
                break;
            case 5 when _replies.Count > 0:
                _replies.RemoveAt(_random.Next(_replies.Count));
                break;
            case 6 when Requests.Count > 0:
                Requests.RemoveAt(_random.Next(Requests.Count));
                break;
            case 7 or 8:
                Drop();
                break;
            case 9:
                GiveUp(Any(Fronts));
                break;
            default:
                if (Any(_clients) is { Session: { } session } client)
                    Cut(client, session);
                break;
        }
    }

    private void Act(ModelClient client)
    {
        if (client.Session is not { } session)
        {
            if (Fronts.Count == 0)
                return;
            var front = Any(Fronts);
            session = new ModelSession(client, front, $"c{_names++}");
            front.Sessions.Add(session);
            Steps.Add($"{client.User} connects to {front.Id} as {session.Id}");
            client.Connect(session);
        }
        if (client.IsAsking || session.Membership?.State is ModelMemberState.Joining or ModelMemberState.Leaving)
            return;
        if (!client.IsIn && session.Membership is null)
        {
            client.IsAsking = true;
            session.Front.Join(session);
        }
        else if (client.IsIn && session.Membership is not null)
        {
            Say(client, session);
        }
    }

    private void Say(ModelClient client, ModelSession session)
    {
        if (client.HasUnanswered && (_isCalm || OneIn(2)))
        {
            foreach (var publish in client.Unanswered)
                session.Front.Publish(session, publish); // a repeat, or it may be on its way
        }
        else if (!_isCalm && OneIn(8))
        {
            client.IsAsking = true;
            session.Front.Leave(session);
        }
        else if (!_isCalm)
        {
            session.Front.Publish(session, client.NewPublish());
        }
    }

    private void Arrive()
    {
        if (Requests.Count == 0)
            return;
        var at = _random.Next(Requests.Count);
        var (front, call) = Requests[at];
        Requests.RemoveAt(at);
        if (!Fronts.Contains(front) && OneIn(2))
            return; // it died with its front
        SubmitReply? reply = null;
        try
        {
            reply = _silo.Submit(front.Id, call.Number, call.Commands);
            Steps.Add($"{_silo.Name} takes batch {call.Number} of {front.Id}: {string.Join(", ", call.Commands.Zip(reply.Replies, Text))}");
        }
        catch (ArgumentException)
        {
            Steps.Add($"{_silo.Name} refuses batch {call.Number} of {front.Id}"); // it is an older one
        }
        _replies.Add((call, reply));
    }

    private void Answer()
    {
        if (_replies.Count == 0)
            return;
        var at = _random.Next(_replies.Count);
        var (call, reply) = _replies[at];
        _replies.RemoveAt(at);
        if (call.Room.Current != call)
            return;
        Steps.Add($"batch {call.Number} of {call.Room.Front} is answered");
        call.Room.Answer(reply);
    }

    /// <summary>The front's call has had no answer for too long: the front gives it up, or makes it again where nothing of it is under way.</summary>
    private void GiveUp(ModelFront front)
    {
        if (front.Room?.Current is not { } call)
            return;
        if (_isCalm && !Requests.Exists(request => request.Call == call) && !_replies.Exists(answer => answer.Call == call))
            Requests.Add((front, call));
        if (_isCalm)
            return;
        Steps.Add($"{front.Id} gives batch {call.Number} up");
        front.Room.Answer(null);
    }

    private void Deliver()
    {
        ModelSilo[] silos = [.. _past, _silo];
        (ModelFront Front, Queue<object> Stream)[] streams =
            [.. silos.SelectMany(silo => silo.Streams).Where(stream => stream.Value.Count > 0).Select(stream => (stream.Key, stream.Value))];
        if (streams.Length == 0)
            return;
        var (front, stream) = Any(streams);
        var item = Fault(10) ? stream.Peek() : stream.Dequeue(); // else it comes once more
        if (!Fronts.Contains(front))
            return;
        Steps.Add($"{front.Id} gets {Text(item)}");
        front.Room?.Dispatch(item);
    }

    private void Drop()
    {
        if (_silo.Streams.Values.Where(stream => stream.Count > 0).ToArray() is { Length: > 0 } streams)
            Steps.Add($"lost on its way: {Text(Any(streams).Dequeue())}");
    }

    private void Read(ModelClient client)
    {
        if (client.Session is { Unread.Count: > 0 } session)
        {
            var frame = session.Unread.Dequeue();
            Steps.Add($"{client.User} reads {frame}");
            client.Read(frame);
        }
    }

    private void Recover(ModelFront front)
    {
        if (front.Room is { IsOutOfStep: true })
            front.Room.Sync();
        if (!front.IsRecovering)
            return;
        if (front.Room is { } room && (front.IsForgotten || room.Silo != _silo.Name))
            room.Sync();
        else
            front.IsRecovering = false;
        front.IsForgotten = false;
    }

    private static string Text(RoomCommand command, RoomReply reply) => (command, reply) switch
    {
        (JoinCommand join, JoinedReply joined) => $"{join.User}/{join.Connection} since {join.Since} joins at {joined.Position} order {joined.Order}, recovered {joined.Recovered}, missed {joined.Missed.Length}",
        (SyncCommand sync, SyncedReply synced) => $"sync of {sync.Members.Length} since {sync.Since} at {synced.Position} order {synced.Order}, complete {synced.Complete}, missed {synced.Missed.Length}",
        (PublishCommand publish, PublishedReply published) => $"{publish.Id} at {published.Receipt.Sequence}",
        (LeaveCommand leave, _) => $"{leave.Connection} leaves",
        _ => $"{command.GetType().Name} {reply.GetType().Name}",
    };

    private static string Text(object item) => item is FrontEvent[] events
        ? string.Join(", ", events.Select(item => $"{item.Kind} {item.Epoch}/{item.Sequence} order {item.Order}"))
        : item.ToString()!;

    private void KillSilo()
    {
        End(_silo);
        _replies.RemoveAll(_ => OneIn(2));
        Steps.Add($"{_silo.Name} dies");
        _silo = NewSilo();
        Fronts.ForEach(front => front.IsRecovering = true);
    }

    private void Move()
    {
        Steps.Add($"the room moves from {_silo.Name}");
        End(_silo);
        _silo = new ModelSilo($"s{_names++}", this, _silo.Save());
        Fronts.ForEach(front => front.IsRecovering = true); // a silo is gone
    }

    /// <summary>What it has sent may still come, or not.</summary>
    private void End(ModelSilo silo)
    {
        if (OneIn(2))
            _past.Add(silo);
    }

    private void KillFront(ModelFront front)
    {
        Steps.Add($"{front.Id} dies");
        Fronts.Remove(front);
        foreach (var client in _clients.Where(client => client.Session?.Front == front))
            client.Lose();
        _silo.Drop(front);
        Fronts.Add(new ModelFront($"f{_names++}", this));
    }

    private void Cut(ModelClient client, ModelSession session)
    {
        Steps.Add($"{session.Id} is cut");
        client.Lose();
        session.Front.Close(session);
    }

    /// <summary>Nothing fails any more: everything that is under way arrives, and everybody is told where the room is.</summary>
    private void Rest()
    {
        for (var i = 0; i < StepsToRest; i++)
        {
            foreach (var front in Fronts)
            {
                GiveUp(front);
                Recover(front);
            }
            foreach (var client in _clients)
            {
                Read(client);
                if (OneIn(5))
                    Act(client);
            }
            Arrive();
            Answer();
            Deliver();
            if (i % 200 == 0)
                _silo.Announce();
        }
    }

    private ModelSilo NewSilo() => new($"s{_names++}", this);

    private T Any<T>(IReadOnlyList<T> items) => items[_random.Next(items.Count)];
}
