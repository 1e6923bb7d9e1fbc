using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>
/// An inbox without messages, of which there may be one for each connection: it keeps its place and nothing else, until there is something. Its
/// members are found by their sessions then.
/// </summary>
internal sealed partial class LocalRoom
{
    private readonly bool _isInbox;
    private InboxRest? _rest; // null while it is awake, as rooms always are
    private volatile bool _mayHaveMessages; // since the call that is under way began

    /// <summary>Where it is, or, at rest, who would tell of a message; null when that is not known. For any thread.</summary>
    private string? Silo
    {
        get
        {
            var (rest, commands) = (Volatile.Read(ref _rest), _commands);
            return rest is not null ? rest.Silo : commands?.Silo;
        }
    }

    /// <summary>A call begins: what was told before, its answer knows.</summary>
    public void BeginCall() => _mayHaveMessages = false;

    /// <summary>The answer to the last command says that the inbox knows no front from now on. Nothing happens when there is more to do.</summary>
    public void Rest()
    {
        lock (Gate)
        {
            if (!_isInbox || _rest is not null || _holdsSync || _unconfirmed > 0 || _commands.RestsOn is not { } silo || !_timeline.IsQuiet || !_pacer.IsEmpty || _timeline.Position is not { } position)
                return;
            if (_mayHaveMessages)
            {
                _timeline.BeginSync();
                return;
            }
            foreach (var member in _services.Registry.Members(Name))
                _services.Registry.Leave(member, Name);
            // Of the silos there are few, and each answer has a text of its own.
            Volatile.Write(ref _rest, new InboxRest(position, _timeline.Order, string.Intern(silo)));
            _pacer.Dispose();
            (_timeline, _pacer, _commands, _audience) = (null!, null!, null!, null!);
        }
    }

    /// <summary>The connection is closed. At rest nobody needs to know that; false when the inbox has to be told.</summary>
    public bool TryLeaveAtRest()
    {
        lock (Gate)
        {
            if (_rest is null)
                return false;
        }
        Release();
        return true;
    }

    private void SubmitToInbox(in PendingCommand command)
    {
        lock (Gate)
        {
            Wake();
            if (command.Command is JoinCommand)
                _timeline.BeginJoin();
            _commands.Add(command);
        }
    }

    private void Wake()
    {
        if (_rest is not { } rest)
            return;
        MakeParts();
        _timeline.Restore(rest.Position, rest.Order);
        var owner = InboxKey.UserOf(Name)!;
        _audience = new InboxAudience(this, owner, _services.Registry, _services.Directs, rest.Position);
        foreach (var connection in _services.Registry.GetUser(owner))
        {
            if (connection.State is Session { Inbox: { IsAdmitted: true } membership } && ReferenceEquals(membership.Room, this))
                _services.Registry.Join(connection, Name); // unless it is closed
        }
        Volatile.Write(ref _rest, null);
    }

    /// <summary>There is a message that the inbox has not sent here, or there may be.</summary>
    private void AskForMessages()
    {
        _mayHaveMessages = true;
        if (_services.Registry.CountRoom(Name) > 0)
            _timeline.BeginSync();
    }

    /// <param name="Position">The last message that members have had.</param>
    /// <param name="Order">The last event.</param>
    /// <param name="Silo">Of the user's partition.</param>
    private sealed record InboxRest(Position Position, long Order, string Silo);
}
