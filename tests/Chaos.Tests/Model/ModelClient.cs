using System.Text;
using Realtime.Chaos.Checking;
using Position = Realtime.Chaos.Checking.Position;

namespace Realtime.Chaos.Tests.Model;

/// <summary>What a front writes to a connection.</summary>
/// <param name="Kind">As the client writes it down; <see cref="EventKind.Lost"/> stands for the end of the stay, which it asked for.</param>
/// <param name="Content">Of a message, or the id of a publish that is answered.</param>
internal readonly record struct ModelFrame(EventKind Kind, Position At = default, bool? Recovered = null, string? Content = null)
{
    /// <summary>The answer to a publish: acknowledged where it has a position.</summary>
    public bool IsAnswer { get; init; }
}

/// <summary>A connection to a front. What the client has not read when it is lost is lost too.</summary>
internal sealed class ModelSession(ModelClient client, ModelFront front, string id)
{
    public ModelClient Client => client;

    public ModelFront Front => front;

    public string Id => id;

    public bool IsClosed { get; set; }

    public ModelMember? Membership { get; set; }

    public Queue<ModelFrame> Unread { get; } = new();

    public void Deliver(ModelFrame frame)
    {
        if (!IsClosed)
            Unread.Enqueue(frame);
    }
}

/// <summary>A client that wants to be in the room, comes back with the position of its last message, and repeats publishes until they are answered.</summary>
internal sealed class ModelClient(string user)
{
    private readonly List<Publish> _unanswered = [];
    private Position? _at;

    public string User => user;

    public ModelSession? Session { get; private set; }

    /// <summary>It is in the room, as far as it knows.</summary>
    public bool IsIn { get; private set; }

    /// <summary>It has asked to be in, or out, and has no answer yet.</summary>
    public bool IsAsking { get; set; }

    public bool HasUnanswered => _unanswered.Count > 0;

    public Position? At => _at;

    public List<HistoryEvent> Events { get; } = [];

    public List<Publish> Publishes { get; } = [];

    public static byte[] BodyOf(string id) => Encoding.UTF8.GetBytes($"\"content\":\"{id}\"");

    public static string ContentOf(byte[] body) => Encoding.UTF8.GetString(body)[11..^1];

    public Publish NewPublish()
    {
        var publish = new Publish($"{user}-{Publishes.Count + 1}", Walk.Room, default);
        Publishes.Add(publish);
        _unanswered.Add(publish);
        return publish;
    }

    public IReadOnlyList<Publish> Unanswered => _unanswered;

    public void Connect(ModelSession session)
    {
        Session = session;
        Events.Add(new(default, EventKind.Connected));
    }

    public void Lose()
    {
        (Session, IsIn, IsAsking) = (null, false, false);
        Events.Add(new(default, EventKind.Lost));
    }

    public void Read(ModelFrame frame)
    {
        if (frame.IsAnswer)
        {
            if (frame.At.Epoch is null || _unanswered.Find(publish => publish.Id == frame.Content) is not { } publish)
                return; // refused for now, or a repeat of the answer
            publish.Ack = frame.At;
            _unanswered.Remove(publish);
            return;
        }
        switch (frame.Kind)
        {
            case EventKind.Refused:
                IsAsking = false;
                break;
            case EventKind.Lost:
                (IsIn, IsAsking) = (false, false);
                break;
            case EventKind.Joined:
                (IsIn, IsAsking) = (true, false);
                if (frame.Recovered != true)
                    _at = frame.At;
                Events.Add(new(default, EventKind.Joined, Walk.Room, frame.At, frame.Recovered));
                break;
            case EventKind.Message when _at is { } at && at.Epoch == frame.At.Epoch && frame.At.Sequence <= at.Sequence:
                break; // it has had it
            case EventKind.Message:
                _at = frame.At;
                Events.Add(new(default, EventKind.Message, Walk.Room, frame.At, null, frame.Content));
                break;
        }
    }
}
