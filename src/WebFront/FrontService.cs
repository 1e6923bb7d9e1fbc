using Orleans;
using Orleans.Runtime;
using Orleans.Streams;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront;

/// <summary>
/// The life of a front: hears its stream and holds its lease before clients are served, tells rooms and users anew who
/// is here when their silo is lost, and takes itself out after the last client has gone.
/// </summary>
internal sealed partial class FrontService(
    IClusterClient cluster, RoomRouter router, ConnectionRegistry registry, TimeProvider time, ILogger<FrontService> logger)
    : IHostedService, IFrontObserver, IDisposable
{
    // A third of the shortest lease, so that a late or lost call costs none.
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(500);

    // After a silo is lost its grains come up elsewhere within seconds; so long everything is compared with the list.
    private static readonly TimeSpan s_recovery = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stopping = new();
    private StreamSubscriptionHandle<FrontEvent>? _subscription;
    private IFrontObserver? _reference;
    private Task _renewing = Task.CompletedTask;
    private string[] _silos = [];
    private long _recoveringSince;

    /// <summary>The front hears its stream and holds its lease.</summary>
    public bool IsReady { get; private set; }

    private IFrontDirectoryGrain Directory => cluster.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key);

    private FrontReport Report => new(router.Front, FrontReport.Current, registry.Count);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await TryBegin();
        _renewing = Renew();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        IsReady = false;
        await _stopping.CancelAsync();
        await _renewing.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_subscription is null)
            return;
        try
        {
            await Directory.Unregister(router.Front);
            await _subscription.UnsubscribeAsync();
            cluster.DeleteObjectReference<IFrontObserver>(_reference!);
        }
        catch (Exception exception)
        {
            LogRenewFailed(exception); // the lease will run out
        }
    }

    public void Dispose() => _stopping.Dispose();

    Task<string[]> IFrontObserver.RoomsOf(string user)
    {
        var rooms = registry.GetUser(user).SelectMany(registry.RoomsOf).Distinct();
        return Task.FromResult(rooms.ToArray());
    }

    Task<FrontConnections> IFrontObserver.Connections(string? after, int limit)
    {
        ConnectionDescription[] page =
        [
            .. registry.Connections
                .Where(connection => after is null || string.CompareOrdinal(connection.Id, after) > 0)
                .OrderBy(connection => connection.Id, StringComparer.Ordinal)
                .Take(limit)
                .Select(connection => new ConnectionDescription(
                    connection.Id, router.Front, connection.UserId, connection.RemoteAddress?.ToString(), connection.ConnectedAt,
                    [.. registry.RoomsOf(connection)], connection.QueuedMessages)),
        ];
        return Task.FromResult(new FrontConnections(registry.Count, page));
    }

    /// <summary>Without a silo a front waits for one: alive, not ready.</summary>
    private async Task<bool> TryBegin()
    {
        try
        {
            if (_subscription is null)
            {
                var stream = cluster.GetStreamProvider(FrontStreams.Provider).GetStream<FrontEvent>(FrontStreams.Of(router.Front));
                _subscription = await stream.SubscribeAsync(router);
                _reference = cluster.CreateObjectReference<IFrontObserver>(this);
            }
            _silos = (await Directory.RenewFront(Report, _reference!)).Silos;
            return IsReady = true;
        }
        catch (Exception exception) when (exception is TimeoutException or OrleansException or ArgumentException)
        {
            LogRenewFailed(exception);
            return false;
        }
    }

    private async Task Renew()
    {
        using var timer = new PeriodicTimer(s_period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                if (!IsReady)
                {
                    await TryBegin();
                    continue;
                }
                try
                {
                    Compare(await Directory.RenewFront(Report, _reference!));
                }
                catch (Exception exception) when (exception is TimeoutException or OrleansException)
                {
                    LogRenewFailed(exception);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The front stops.
        }
    }

    private void Compare(ClusterView view)
    {
        if (!view.WasKnown || _silos.Except(view.Silos).Any())
        {
            _recoveringSince = time.GetTimestamp();
            LogRecovering(view.Silos.Length);
            if (!view.WasKnown)
                view = view with { Silos = [] }; // who has dropped us, or is too new to know: everything is told anew
        }
        _silos = view.Silos;
        if (_recoveringSince == 0)
            return;
        foreach (var room in router.Rooms)
            room.SyncUnlessOn(view.Silos);
        foreach (var connection in registry.Connections)
        {
            if (connection.State is Session session && !view.Silos.Contains(session.UserSilo))
                _ = router.Attach(session);
        }
        if (time.GetElapsedTime(_recoveringSince) > s_recovery)
            _recoveringSince = 0;
    }

    [LoggerMessage(1, LogLevel.Warning, "The front's lease could not be renewed; it is tried again.")]
    private partial void LogRenewFailed(Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "A silo is lost; {Silos} are up. Rooms and users are told anew who is here.")]
    private partial void LogRecovering(int silos);
}
