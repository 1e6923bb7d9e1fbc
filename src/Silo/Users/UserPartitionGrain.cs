using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Realtime.Silo.Fronts;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Users;

/// <summary>Hosts a <see cref="UserTable"/> and sends to the fronts that a user is on, one event per front.</summary>
/// <remarks>
/// Reentrant, since nothing is decided after an await: a front that does not take its events keeps nobody from being found. Events
/// for a user are put on the streams in the order of the calls.
/// </remarks>
[Reentrant]
internal sealed partial class UserPartitionGrain(
    TimeProvider time, FrontPublisher publisher, SiloLease lease, IOptions<RoomOptions> options, IOptions<InboxOptions> inboxes,
    IHostApplicationLifetime lifetime)
    : Grain, IUserPartitionGrain, IGrainMigrationParticipant
{
    private static readonly TimeSpan s_forever = TimeSpan.FromDays(3650); // the connections are only here

    private readonly UserTable _users = new();

    private long Key => this.GetPrimaryKeyLong();

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (Key is < 0 or >= IUserPartitionGrain.Count)
            throw new ArgumentException($"There is no partition {Key} of users; there are 0 to {IUserPartitionGrain.Count - 1}.");
        foreach (var front in _users.Fronts) // handed over by another silo
            lease.WatchUsers(front, Key);
        WatchAge();
        KeepAlive();
        // Until it waits for the first time, an activation holds Orleans' lock of it, also through its first calls. A new inbox calls its partition so, and a new
        // partition the inbox: each would wait for the other's lock, and the silo's threads after them.
        await Task.Yield();
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        this.MigrateIfSiloStops(reason);
        foreach (var front in _users.Fronts)
            lease.UnwatchUsers(front, Key);
        return Task.CompletedTask;
    }

    void IGrainMigrationParticipant.OnDehydrate(IDehydrationContext context)
    {
        context.TryAddValue("users", _users.Save());
        context.TryAddValue("inboxes", SaveInboxes());
    }

    void IGrainMigrationParticipant.OnRehydrate(IRehydrationContext context)
    {
        if (context.TryGetValue("users", out UserFrontState[]? users))
            _users.Load(users);
        if (context.TryGetValue("inboxes", out RestingInboxState[]? inboxes))
            LoadInboxes(inboxes);
    }

    public ValueTask<UsersReply> Submit(string front, long batch, bool isAll, UserChange[] changes)
    {
        ArgumentException.ThrowIfNullOrEmpty(front);
        Check(changes);
        var knewFront = _users.HasFront(front);
        _users.Apply(front, batch, isAll, changes);
        ForgetGone(changes);
        NoteGone(changes);
        if (_users.HasFront(front) != knewFront)
            Watch(front, !knewFront);
        KeepAlive();
        return new(new UsersReply(lease.Id, knewFront));
    }

    public Task Drop(string front)
    {
        ArgumentException.ThrowIfNullOrEmpty(front);
        _users.Drop(front);
        _withoutInbox.Clear();
        KeepAlive();
        return Task.CompletedTask;
    }

    public Task<UserConnection[]> Find(string user)
    {
        Names.Check(user, "user");
        return Task.FromResult(_users.Find(user));
    }

    public async Task<int> Push(FrontEvent item)
    {
        ArgumentNullException.ThrowIfNull(item);
        var (fronts, connections) = _users.Where(item.Target);
        if (connections > 0)
            await publisher.Publish(fronts, [item]);
        return connections;
    }

    /// <summary>Taken as a whole, or not at all.</summary>
    private static void Check(UserChange[] changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        foreach (var change in changes)
        {
            Names.Check(change.User, "user");
            ArgumentException.ThrowIfNullOrEmpty(change.Connection, nameof(changes));
        }
    }

    private void Watch(string front, bool entered)
    {
        if (entered)
            lease.WatchUsers(front, Key);
        else
            lease.UnwatchUsers(front, Key);
    }

    private void KeepAlive() => DelayDeactivation(_users.IsEmpty && _resting.Count == 0 ? TimeSpan.Zero : s_forever);
}
