using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Realtime.PushStreams;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Fronts;

/// <summary>
/// Renews this silo's lease, and calls the rooms and users on this silo that have connections on a front whose lease has ended:
/// one call to the directory in half a second for all of them.
/// </summary>
internal sealed partial class SiloLease(
    IGrainFactory grains, ILocalSiloDetails silo, RoomRegistry rooms, FrontPublisher publisher, TimeProvider time, ILogger<SiloLease> logger)
    : BackgroundService, ISiloObserver
{
    /// <summary>How often a lease is renewed: a third of the shortest lease, so that a late or lost call costs none.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(500);

    // A front takes three times this without an event for the death of its stream.
    private const int RenewalsPerPositions = 4;

    // Who asks what a silo says of itself waits for 3 s, and gets the rest without the number of grains.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    // How many grains are called at once.
    private const int Concurrency = 64;

    private readonly Dictionary<string, Watched> _watched = [];
    private HashSet<string> _missing = []; // missing in the last view
    private ISiloObserver? _reference;
    private int _renewals;
    private Task _dropping = Task.CompletedTask;
    private Task _sending = Task.CompletedTask;

    private IFrontDirectoryGrain Directory => grains.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key);

    /// <summary>This silo's name in <see cref="ClusterView.Silos"/>.</summary>
    public string Id { get; } = silo.SiloAddress.ToString();

    /// <summary>The room is called when the front's lease has ended.</summary>
    public void WatchRoom(string front, string room) => Change(front, watched => watched.Rooms.Add(room));

    /// <summary>The room has no member on the front any more.</summary>
    public void UnwatchRoom(string front, string room) => Change(front, watched => watched.Rooms.Remove(room));

    /// <summary>The partition of users is called when the front's lease has ended.</summary>
    public void WatchUsers(string front, long partition) => Change(front, watched => watched.Partitions.Add(partition));

    /// <summary>The partition of users has no connection on the front any more.</summary>
    public void UnwatchUsers(string front, long partition) => Change(front, watched => watched.Partitions.Remove(partition));

    Task<RoomSummary[]> ISiloObserver.Rooms(string? after, int limit, string? prefix) => Task.FromResult(rooms.Page(after, limit, prefix));

    async Task<SiloDetails> ISiloObserver.Describe() =>
        new(Id) { Process = ProcessDetails.Current, Rooms = rooms.Count, Activations = await CountActivations() };

    private async Task<int?> CountActivations()
    {
        try
        {
            var statistics = await grains.GetGrain<IManagementGrain>(0).GetRuntimeStatistics([silo.SiloAddress]).WaitAsync(s_patience, time);
            return statistics[0].ActivationCount;
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNotCounted(exception));
            return null;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Renew();
            // Silos that have started together do not go on in step.
            await Task.Delay(Backoff.Part(Period), time, stoppingToken);
            using var timer = new PeriodicTimer(Period, time);
            do
                await Renew();
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    /// <summary>Never fails: a silo that renews no more is gone for the fronts.</summary>
    private async Task Renew()
    {
        try
        {
            var view = await Directory.RenewSilo(Id, _reference ??= grains.CreateObjectReference<ISiloObserver>(this));
            // Both wait for others, rooms and fronts, and the next renewal must not.
            if (view.IsSettled && _dropping.IsCompleted)
                _dropping = Guarded(DropFronts(view), "The rooms and users of fronts that are gone");
            if (++_renewals % RenewalsPerPositions == 0 && _sending.IsCompleted)
                _sending = Guarded(SendPositions(view.Fronts), "The fronts");
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogRenewFailed(exception));
        }
    }

    private async Task Guarded(Task work, string who)
    {
        try
        {
            await work;
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogDropFailed(who, exception));
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await Directory.Unregister(Id);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogRenewFailed(exception)); // its lease will run out
        }
    }

    /// <summary>A sign of life for every front, with the positions of those of its rooms that have had events.</summary>
    private async Task SendPositions(string[] fronts)
    {
        var active = rooms.TakeActive();
        await Task.WhenAll(fronts.Select(front => publisher.Publish([front],
            [new FrontEvent { Kind = FrontEventKind.Positions, Target = "", Timestamp = time.GetUtcNow().ToUnixTimeMilliseconds(), Positions = PositionsFor(front) }])));

        RoomOrder[] PositionsFor(string front)
        {
            lock (_watched)
                return active.Count > 0 && _watched.TryGetValue(front, out var watched) ? [.. active.Values.Where(room => watched.Rooms.Contains(room.Room))] : [];
        }
    }

    private async Task DropFronts(ClusterView view)
    {
        List<(string Front, Watched Watched)> gone;
        lock (_watched)
        {
            // Missing in two views: one may have been made just before the front was first registered.
            string[] missing = [.. _watched.Keys.Where(front => !view.Fronts.Contains(front))];
            gone = [.. missing.Where(_missing.Contains).Select(front => (front, _watched[front]))];
            _missing = [.. missing];
            // A front that comes back is watched anew.
            foreach (var (front, _) in gone)
                _watched.Remove(front);
        }
        foreach (var (front, watched) in gone)
        {
            SafeLog.Write(() => LogFrontGone(front, watched.Rooms.Count, watched.Partitions.Count));
            await Each(watched.Rooms, room => grains.GetGrain<IRoomGrain>(room).Drop(front), room => WatchRoom(front, room));
            await Each(watched.Partitions, partition => grains.GetGrain<IUserPartitionGrain>(partition).Drop(front), partition => WatchUsers(front, partition));
        }
    }

    /// <summary>Calls them all. One that cannot be reached now keeps none of the others from it, and is watched again.</summary>
    private Task Each<TKey>(IEnumerable<TKey> keys, Func<TKey, Task> drop, Action<TKey> watch) =>
        Parallel.ForEachAsync(keys, new ParallelOptions { MaxDegreeOfParallelism = Concurrency }, async (key, _) =>
        {
            try
            {
                await drop(key);
            }
            catch (Exception exception)
            {
                watch(key);
                SafeLog.Write(() => LogDropFailed($"{key}", exception));
            }
        });

    private void Change(string front, Action<Watched> change)
    {
        lock (_watched)
        {
            if (!_watched.TryGetValue(front, out var watched))
                _watched.Add(front, watched = new Watched([], []));
            change(watched);
            if (watched.Rooms.Count + watched.Partitions.Count == 0)
                _watched.Remove(front);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The silo's lease could not be renewed; it is tried again.")]
    private partial void LogRenewFailed(Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "Front {Front} is gone: {Rooms} rooms, and users of {Partitions} partitions, lose its connections.")]
    private partial void LogFrontGone(string front, int rooms, int partitions);

    [LoggerMessage(3, LogLevel.Warning, "{Name} could not be told that a front is gone; it is tried again.")]
    private partial void LogDropFailed(string name, Exception exception);

    [LoggerMessage(4, LogLevel.Debug, "The silo's grains could not be counted.")]
    private partial void LogNotCounted(Exception exception);

    private readonly record struct Watched(HashSet<string> Rooms, HashSet<long> Partitions);
}
