using Realtime.PushStreams;

namespace Realtime.Silo.Users;

/// <summary>Inboxes without messages, which have no grain meanwhile.</summary>
internal sealed partial class UserPartitionGrain
{
    private static readonly TimeSpan s_ageCheck = TimeSpan.FromMinutes(10);

    /// <summary>Those whose log would not know them any more.</summary>
    private readonly Dictionary<string, RestingInbox> _resting = [];

    private IGrainTimer? _ageTimer;

    public Task<string?> RestInbox(string user, string[] fronts, InboxState? state)
    {
        Names.Check(user, "user");
        ArgumentNullException.ThrowIfNull(fronts);
        if (fronts.Except(_users.Where(user).Fronts).Any())
            return Task.FromResult<string?>(null);
        _noted++;
        _withoutInbox.Remove(user);
        if (state is not null)
        {
            _resting[_users.Known(user)] = new RestingInbox(state, NowMs());
            WatchAge();
            KeepAlive();
        }
        return Task.FromResult<string?>(lease.Id);
    }

    public Task<InboxState?> TakeInbox(string user)
    {
        Names.Check(user, "user");
        var state = _resting.Remove(user, out var inbox) ? inbox.ToState() : null;
        EndWatchAge();
        KeepAlive();
        return Task.FromResult(state);
    }

    /// <summary>
    /// A message was given to the user's inbox, and nobody knows whether it is there: fronts ask. One without an epoch is no position, and behind all.
    /// </summary>
    private Task Wake(string user) => publisher.Publish(_users.Where(user).Fronts,
        [new FrontEvent { Kind = FrontEventKind.Positions, Target = "", Timestamp = NowMs(), Positions = [new RoomOrder(InboxKey.Of(user), "", 0)] }]);

    private long NowMs() => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>The time of who is away begins.</summary>
    private void NoteGone(UserChange[] changes)
    {
        if (_resting.Count == 0)
            return;
        foreach (var change in changes)
        {
            if (change.ConnectedAt is null && _resting.TryGetValue(change.User, out var inbox))
                _resting[change.User] = inbox with { UsedAt = NowMs() };
        }
    }

    private void WatchAge()
    {
        if (_resting.Count > 0)
            _ageTimer ??= this.RegisterGrainTimer(static (grain, _) => grain.ForgetOld(), this, new GrainTimerCreationOptions(s_ageCheck, s_ageCheck));
    }

    private void EndWatchAge()
    {
        if (_resting.Count > 0)
            return;
        _ageTimer?.Dispose();
        _ageTimer = null;
    }

    /// <summary>An inbox that nobody has used for as long as messages are kept is gone.</summary>
    private Task ForgetOld()
    {
        var since = NowMs() - (long)inboxes.Value.Age.TotalMilliseconds;
        foreach (var (user, inbox) in _resting)
        {
            if (inbox.UsedAt < since && _users.Where(user).Connections == 0)
                _resting.Remove(user);
        }
        EndWatchAge();
        KeepAlive();
        return Task.CompletedTask;
    }

    private RestingInboxState[] SaveInboxes() => [.. _resting.Select(inbox => new RestingInboxState(inbox.Key, inbox.Value.ToState(), inbox.Value.UsedAt))];

    private void LoadInboxes(RestingInboxState[] inboxes)
    {
        foreach (var (user, state, usedAt) in inboxes)
            _resting[_users.Known(user)] = new RestingInbox(state, usedAt);
    }

    /// <summary>Small: there may be very many.</summary>
    private readonly record struct RestingInbox(string Epoch, long Sequence, long Order, long UsedAt)
    {
        public RestingInbox(InboxState state, long usedAt)
            : this(state.Epoch, state.Sequence, state.Order, usedAt)
        {
        }

        public InboxState ToState() => new(Epoch, Sequence, Order);
    }
}

/// <summary>An inbox without messages: what goes with a partition to another silo.</summary>
[GenerateSerializer, Immutable, Alias("realtime.users.state.inbox")]
internal readonly record struct RestingInboxState([property: Id(0)] string User, [property: Id(1)] InboxState State, [property: Id(2)] long UsedAt);
