namespace Realtime.Silo.Hooks;

/// <summary>What happens in a room that somebody outside it is told of.</summary>
internal enum RoomFactKind : byte { Message, Joined, Left, Occupied, Vacated, Reset }

/// <summary>Something that has happened in a room.</summary>
/// <param name="Kind">What.</param>
/// <param name="Epoch">The room's epoch.</param>
/// <param name="Order">Its number among the facts of the epoch; without holes but at an opening of the log.</param>
/// <param name="Timestamp">Unix milliseconds.</param>
/// <param name="Message">The message.</param>
/// <param name="Id">The id of its publish.</param>
/// <param name="User">Who has come or gone.</param>
/// <param name="IsRestored">It was so before, and was told before or not: of who was in the room when its silo was lost.</param>
internal readonly record struct RoomFact(
    RoomFactKind Kind, string Epoch, long Order, long Timestamp, FrontEvent? Message = null, string? Id = null, string? User = null, bool IsRestored = false)
{
    /// <summary>It tells of what was lost and not of what has happened.</summary>
    public bool IsOfLoss => IsRestored || Kind == RoomFactKind.Reset;
}

/// <summary>
/// Collects the facts of a room's turn, in order, and numbers those that have come true. Presence is told in full, whatever the members are told of it.
/// </summary>
internal sealed class RoomFacts
{
    private readonly List<RoomFact> _facts = [];
    private long _order;
    private bool _isReset; // and nothing was told of who is there since

    /// <summary>There is a user, or it is not so long ago as <see cref="Rooms.RoomOptions.VacateDelay"/>.</summary>
    public bool IsOccupied { get; private set; }

    public FactsState Save() => new(_order, IsOccupied);

    public void Load(FactsState state) => (_order, IsOccupied) = (state.Order, state.IsOccupied);

    /// <summary>
    /// The log is open. What comes has greater numbers than all before: place for 4 billion facts of an opening and 2 million openings, within
    /// what JavaScript has as whole numbers.
    /// </summary>
    public void Open(long term) => _order = term << 32;

    public void Publish(FrontEvent message, string? id) => _facts.Add(new(RoomFactKind.Message, message.Epoch!, 0, message.Timestamp, message, id));

    public void Change(string user, bool isIn, string epoch, long now)
    {
        _isReset = false;
        if (isIn && !IsOccupied)
        {
            IsOccupied = true;
            _facts.Add(new(RoomFactKind.Occupied, epoch, 0, now));
        }
        _facts.Add(new(isIn ? RoomFactKind.Joined : RoomFactKind.Left, epoch, 0, now, User: user));
    }

    /// <summary>
    /// Who was told to be in the room may not be: it was on a silo that was lost, or not in use for a while. Nobody is in it, until it is told.
    /// </summary>
    public void Reset(string epoch, long now)
    {
        if (!_isReset)
            _facts.Add(new(RoomFactKind.Reset, epoch, 0, now));
        (_isReset, IsOccupied) = (true, false);
    }

    /// <summary>A user is in the room of whom a front has told after the loss of a silo.</summary>
    public void Restore(string user, string epoch, long now)
    {
        _isReset = false;
        if (!IsOccupied)
        {
            IsOccupied = true;
            _facts.Add(new(RoomFactKind.Occupied, epoch, 0, now, IsRestored: true));
        }
        _facts.Add(new(RoomFactKind.Joined, epoch, 0, now, User: user, IsRestored: true));
    }

    /// <summary>There are users.</summary>
    public void Occupy() => IsOccupied = true;

    public void Vacate(string epoch, long now)
    {
        IsOccupied = false;
        _facts.Add(new(RoomFactKind.Vacated, epoch, 0, now));
    }

    /// <summary>Messages after this sequence are not kept.</summary>
    public void RollBackTo(long sequence) => _facts.RemoveAll(fact => fact.Message?.Sequence > sequence);

    /// <summary>A number for something of before, that is told again.</summary>
    public long Next() => ++_order;

    /// <summary>What has happened since the last call.</summary>
    public RoomFact[] Take()
    {
        if (_facts.Count == 0)
            return [];
        RoomFact[] facts = [.. _facts.Select(fact => fact with { Order = ++_order })];
        _facts.Clear();
        return facts;
    }
}

/// <summary>What goes with a room to another silo.</summary>
[GenerateSerializer, Immutable, Alias("realtime.room.state.facts")]
internal readonly record struct FactsState([property: Id(0)] long Order, [property: Id(1)] bool IsOccupied);
