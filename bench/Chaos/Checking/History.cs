namespace Realtime.Chaos.Checking;

/// <summary>Where a message is in its room.</summary>
public readonly record struct Position(string Epoch, long Sequence)
{
    public override string ToString() => $"{Epoch}/{Sequence}";
}

public enum EventKind
{
    /// <summary>A connection is open.</summary>
    Connected,

    /// <summary>The connection is gone, and with it the stay in every room.</summary>
    Lost,

    /// <summary>The server has answered a join, or says to somebody who is in the room that messages are lost.</summary>
    Joined,

    /// <summary>A message was handed to the application, after the client's own dedupe.</summary>
    Message,

    /// <summary>A message that the client has had: left out by it.</summary>
    Repeat,

    /// <summary>A hole in the numbers, which the client mends by leaving and joining again from before it.</summary>
    Hole,

    /// <summary>The server has refused something, or a stream could not be opened.</summary>
    Refused,
}

/// <summary>What a client has seen.</summary>
/// <param name="Time">Since the start of the run.</param>
/// <param name="At">Of a join's answer, a message, a repeat or a hole (the message behind it).</param>
/// <param name="Recovered">Of a join's answer; null when it does not say.</param>
/// <param name="Content">Of a message: the id under which it was published. Of the others: a reason.</param>
public readonly record struct HistoryEvent(
    TimeSpan Time, EventKind Kind, string? Room = null, Position At = default, bool? Recovered = null, string? Content = null);

/// <summary>All that one client has seen, in that order.</summary>
public sealed record ClientHistory(string Client, IReadOnlyList<string> Rooms, List<HistoryEvent> Events);

/// <summary>A publish: its id is the message's content too, so that what arrives can be told apart.</summary>
public sealed record Publish(string Id, string Room, TimeSpan SentAt)
{
    public TimeSpan? AnsweredAt { get; set; }

    /// <summary>Set when it was acknowledged.</summary>
    public Position? Ack { get; set; }

    /// <summary>How often it was sent; more than once after a loss or a refusal that passes.</summary>
    public int Tries { get; set; }

    /// <summary>A <see cref="Failure"/>: to an inbox, which was not there.</summary>
    public const string NotKept = "acknowledged and not kept";

    /// <summary>Set when it was given up.</summary>
    public string? Failure { get; set; }
}

/// <summary>All that is known of a run after its end.</summary>
/// <param name="Ends">Of each room the position of its last message, published when nothing was killed any more.</param>
/// <param name="LogOutlivesSilos">Whether the room log is kept outside of the silos, so that no epoch may end.</param>
public sealed record RunHistory(
    IReadOnlyList<ClientHistory> Clients, IReadOnlyList<Publish> Publishes, IReadOnlyDictionary<string, Position> Ends, bool LogOutlivesSilos);
