using Realtime.Client.Protocol;

namespace Realtime.Client.State;

/// <summary>The room's state by key, where it was asked for.</summary>
internal sealed partial class RoomState
{
    private readonly StateCopy? _copy;

    /// <summary>Counts the times that the state was about to come.</summary>
    private int _loads;

    /// <summary>The state as it is known; null where it was not asked for.</summary>
    public IReadOnlyDictionary<string, RoomEntry>? Entries => _copy?.Entries;

    /// <summary>In the room, with all that was asked for.</summary>
    public bool IsEntered => IsJoined && _copy is not { IsComplete: false };

    /// <summary>Where a join begins. Where the state has not come to its end a resume would not bring it.</summary>
    private Position? JoinPosition => _copy is { IsComplete: false } ? null : Position;

    /// <summary>The server sends the state, after the answer to a join that has resumed nothing.</summary>
    private void AwaitState()
    {
        if (_copy is null)
            return;
        _copy.Begin();
        var load = ++_loads;
        _session.After(_session.Options.AnswerTimeout, () =>
        {
            if (load == _loads && IsJoined && !_copy.IsComplete)
                JoinFailed(_joinId!, new(RealtimeErrorCodes.Timeout, $"The server did not send the state of {Name}.") { Room = Name });
        });
    }

    private void StatePage(scoped in ServerFrame frame, int bytes)
    {
        if (!IsJoined || _copy is null || !_copy.Add(Pages.Entries(in frame, _session.Texts), frame.More, ref bytes))
            return;
        Tell(new StateLoaded(_copy.Entries), bytes);
        Entered();
    }

    /// <summary>The room has kept a change of this client's that it gets no echo of.</summary>
    public void OwnChanged(StateChange change, Position place)
    {
        if (_copy is null || Position is not { } known || known.Epoch != place.Epoch)
            return;
        var now = _session.Time.GetUtcNow();
        var entry = change.Data.IsNone ? null : new RoomEntry(change.Key, place.Sequence) { Data = change.Data, Timestamp = now, Expires = now + change.TimeToLive };
        _copy.Change(change.Key, place.Sequence, entry, known.Sequence);
    }

    private RoomMessage MessageOf(scoped in ServerFrame frame, Position place)
    {
        var message = frame.Key.IsPresent
            ? new KeyMessage(Name, place, _session.Texts.Get(frame.Key), Pages.Expiry(in frame), frame.IsDeleted)
            : new RoomMessage(Name, place);
        message.From = frame.From.IsPresent ? _session.Texts.Get(frame.From) : null;
        message.IsService = frame.IsService;
        message.Content = frame.Content.Decode();
        message.Data = new(frame.Data.ToArray());
        message.Timestamp = Pages.Time(frame.Timestamp);
        return message;
    }

    /// <summary>The time of keys may be over.</summary>
    public void Expire()
    {
        foreach (var key in _copy!.TakeExpired())
            Tell(new KeyExpired(key), 64);
    }

    /// <summary>The client or the room has ended: no timer runs for it.</summary>
    public void EndState() => _copy?.End();
}
