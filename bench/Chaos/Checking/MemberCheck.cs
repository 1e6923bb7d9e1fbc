namespace Realtime.Chaos.Checking;

/// <summary>Follows one member of one room through its history.</summary>
internal sealed class MemberCheck(string client, RoomCheck room)
{
    private readonly List<Stretch> _seen = [];
    private readonly List<string> _epochs = [];
    private Position? _at; // of the last message, or of the join
    private Position _promisedAfter; // from here to _at nothing may be missing
    private bool _isIn;

    public void Lost() => _isIn = false;

    public void Joined(Position answer, bool? recovered)
    {
        _isIn = true;
        if (_at is not { } at)
        {
            Begin(answer);
            return;
        }
        switch (recovered)
        {
            case true when answer.Epoch != at.Epoch:
                Find(Rule.SilentGap, $"recovered from {at}, but the room is at {answer}");
                Begin(answer);
                break;
            case true when answer.Sequence < at.Sequence:
                Find(Rule.Reorder, $"recovered from {at}, but the room is only at {answer}");
                break;
            case true:
                break; // what was missed follows, from where the member was
            case null:
                Find(Rule.SilentGap, $"came back with {at} and was not told whether it missed anything");
                Begin(answer);
                break;
            case false:
                room.GapsFlagged++;
                if (answer.Epoch == at.Epoch && answer.Sequence < at.Sequence)
                    Find(Rule.Reorder, $"was at {at}, but the room is only at {answer}");
                Begin(answer);
                break;
        }
    }

    public void Message(Position position, string content)
    {
        room.Delivered(position, content);
        if (_at is not { } at)
        {
            Find(Rule.Reorder, $"{position} came before any join");
            return;
        }
        if (_seen.Exists(stretch => stretch.Has(position)))
        {
            Find(Rule.Duplicate, $"{position} was handed out twice");
            return;
        }
        if (position.Epoch != at.Epoch)
        {
            Find(Rule.SilentGap, $"{position} came after {at}, and nothing said that the room has lost its past");
            Begin(position with { Sequence = position.Sequence - 1 });
        }
        else if (position.Sequence < at.Sequence)
        {
            Find(Rule.Reorder, $"{position} came after {at}");
            return;
        }
        else if (position.Sequence > at.Sequence + 1)
        {
            Find(Rule.SilentGap, $"{position} came after {at}");
            _seen.Add(new Stretch(position with { Sequence = position.Sequence - 1 }));
        }
        _at = position;
        _seen[^1].Last = position.Sequence;
    }

    public void End(Position? end)
    {
        Promised();
        if (end is not { } last)
            return;
        if (!_isIn)
            Find(Rule.NotBack, $"is not in the room at the end; it was at {_at}");
        else if (_at is { } at && (at.Epoch != last.Epoch || at.Sequence < last.Sequence))
            Find(Rule.SilentGap, $"ended at {at}, the room at {last}");
    }

    /// <summary>From here on the member knows where it is, and that it may have missed what was before.</summary>
    private void Begin(Position position)
    {
        Promised();
        if (_epochs.Count == 0 || _epochs[^1] != position.Epoch)
        {
            if (_epochs.Contains(position.Epoch))
                Find(Rule.Reorder, $"the room came back to epoch {position.Epoch}, which had ended");
            else
            {
                foreach (var before in _epochs)
                    room.EpochFollows(before, position.Epoch);
                _epochs.Add(position.Epoch);
                room.Epochs.Add(position.Epoch);
            }
        }
        _at = _promisedAfter = position;
        _seen.Add(new Stretch(position));
    }

    private void Promised()
    {
        if (_at is { } at)
            room.Promised(_promisedAfter, at.Sequence);
    }

    private void Find(Rule rule, string what) => room.Findings.Add(new Finding(rule, room.Name, client, what));

    /// <summary>Messages that follow each other.</summary>
    private sealed class Stretch(Position after)
    {
        public long Last { get; set; } = after.Sequence;

        public bool Has(Position position) => position.Epoch == after.Epoch && position.Sequence > after.Sequence && position.Sequence <= Last;
    }
}
