namespace Realtime.Chaos.Checking;

/// <summary>What the members of one room have seen, held against each other and against the receipts.</summary>
internal sealed class RoomCheck(string name, bool logOutlivesSilos)
{
    private readonly Dictionary<Position, string> _contents = [];
    private readonly Dictionary<string, Position> _positions = [];
    private readonly List<(string Id, Position At)> _acks = [];
    private readonly List<(Position After, long Last)> _promised = [];
    private readonly HashSet<(string Before, string After)> _epochOrder = [];

    public string Name => name;

    public List<Finding> Findings { get; } = [];

    public HashSet<string> Epochs { get; } = [];

    public int GapsFlagged { get; set; }

    /// <summary>A member was handed this message.</summary>
    public void Delivered(Position position, string content)
    {
        if (!_contents.TryAdd(position, content))
        {
            if (_contents[position] != content)
                Find(Rule.Reorder, $"{position} is {_contents[position]} at one member and {content} at another");
            return;
        }
        // The log knows the ids of its messages: with another epoch it may have forgotten them, unless it outlives silos.
        if (!_positions.TryAdd(content, position) && (logOutlivesSilos || _positions[content].Epoch == position.Epoch))
            Find(Rule.Duplicate, $"{content} is at {_positions[content]} and at {position}");
    }

    /// <summary>A member should have had everything behind a position, up to another one of the epoch.</summary>
    public void Promised(Position after, long last) => _promised.Add((after, last));

    public void EpochFollows(string before, string after)
    {
        if (_epochOrder.Contains((after, before)))
            Find(Rule.Reorder, $"epoch {before} came before {after} at one member, and after it at another");
        _epochOrder.Add((before, after));
    }

    public void Acknowledged(string id, Position at)
    {
        Epochs.Add(at.Epoch);
        _acks.Add((id, at));
    }

    /// <summary>To an inbox, of which somebody had been told that it is there.</summary>
    public void NotKept(string id)
    {
        if (logOutlivesSilos)
            Find(Rule.LostHistory, $"{id} was acknowledged and not kept, as if there were no inbox");
    }

    /// <summary>When all is known.</summary>
    public void End(Position? end)
    {
        if (end is null)
            Find(Rule.NotBack, "the room took no message at the end");
        if (logOutlivesSilos && Epochs.Count > 1)
            Find(Rule.LostHistory, $"there were {Epochs.Count} epochs; the log should have kept the first");
        var receipts = new Dictionary<Position, string>();
        foreach (var (id, at) in _acks)
        {
            if (!receipts.TryAdd(at, id) && receipts[at] != id)
                Find(Rule.LostAck, $"{at} was acknowledged to {receipts[at]} and to {id}");
            else if (_contents.TryGetValue(at, out var content))
            {
                if (content != id)
                    Find(Rule.LostAck, $"{id} was acknowledged as {at}, which is {content}");
            }
            else if (_promised.Exists(stay => stay.After.Epoch == at.Epoch && stay.After.Sequence < at.Sequence && at.Sequence <= stay.Last))
                Find(Rule.LostAck, $"{id} was acknowledged as {at}, and no member has it");
            else if (end is { } last && at.Epoch == last.Epoch && at.Sequence > last.Sequence)
                Find(Rule.LostAck, $"{id} was acknowledged as {at}, but the room ended at {last}");
        }
    }

    private void Find(Rule rule, string what) => Findings.Add(new Finding(rule, name, null, what));
}
