using Orleans;
using Orleans.Runtime;
using Orleans.Streams;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Users;

namespace Realtime.WebFront;

/// <summary>
/// The life of a front: hears its stream and holds its lease before clients are served, tells rooms and users anew who
/// is here when their silo is lost, and takes itself out after the last client has gone.
/// </summary>
internal sealed partial class FrontService(
    IClusterClient cluster, RoomRouter router, LocalUsers users, ConnectionRegistry registry, TimeProvider time, IHostApplicationLifetime lifetime,
    ILogger<FrontService> logger)
    : IHostedService, IFrontObserver, IDisposable
{
    // A third of the shortest lease, so that a late or lost call costs none.
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(500);

    // After a silo is lost its grains come up elsewhere within seconds; so long everything is compared with the list.
    private static readonly TimeSpan s_recovery = TimeSpan.FromSeconds(30);

    // Each silo is heard every two seconds; a stream that is silent for three times that is dead.
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(6);

    // While the lease is not renewed for so long, new clients are better served elsewhere. Those that are here stay.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private StreamSubscriptionHandle<FrontEvent>? _subscription;
    private IFrontObserver? _reference;
    private Task _renewing = Task.CompletedTask;
    private string[] _silos = [];
    private long _renewedAt;
    private long _recoveringSince;
    private bool _isReady;
    private bool _isTroubled;

    /// <summary>The front hears its stream and holds its lease, and does not stop.</summary>
    public bool IsReady => _isReady && !lifetime.ApplicationStopping.IsCancellationRequested;

    private IFrontDirectoryGrain Directory => cluster.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key);

    private FrontReport Report => new(router.Front, FrontReport.Current, registry.Count);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await TryRenew(isFirst: true);
        _renewing = Renew();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
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

    private async Task Renew()
    {
        try
        {
            await Task.Delay(Backoff.Part(s_period), time, _stopping.Token);
            using var timer = new PeriodicTimer(s_period, time);
            while (await timer.WaitForNextTickAsync(_stopping.Token))
                await TryRenew(isFirst: false);
        }
        catch (OperationCanceledException)
        {
            // The front stops.
        }
    }

    /// <summary>
    /// Without a silo a front waits for one: alive, not ready. Once it serves, no failure ends the renewing, without which all of
    /// its members would be dropped; at the start one that no silo's coming would mend is told to the operator.
    /// </summary>
    private async Task TryRenew(bool isFirst)
    {
        try
        {
            if (_subscription is null || router.Silence > s_silence)
                await Subscribe();
            _reference ??= cluster.CreateObjectReference<IFrontObserver>(this);
            Compare(await Directory.RenewFront(Report, _reference));
            _renewedAt = time.GetTimestamp();
            _isReady = true;
            if (_isTroubled)
                LogRenewed();
            _isTroubled = false;
        }
        catch (Exception exception) when (!isFirst || exception is TimeoutException or OrleansException or OperationCanceledException or ArgumentException)
        {
            _isReady = _renewedAt != 0 && time.GetElapsedTime(_renewedAt) < s_patience;
            if (!_isTroubled)
                LogRenewFailed(exception);
            _isTroubled = true;
        }
    }

    private async Task Subscribe()
    {
        if (_subscription is { } dead)
        {
            LogSilent(router.Silence);
            _subscription = null;
            // What it still knows of the old one the cluster forgets by itself.
            await dead.UnsubscribeAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        var stream = cluster.GetStreamProvider(FrontStreams.Provider).GetStream<FrontEvent>(FrontStreams.Of(router.Front));
        _subscription = await stream.SubscribeAsync(router);
        router.Heard();
        router.SyncAll();
    }

    private void Compare(ClusterView view)
    {
        var isFirst = _renewedAt == 0;
        if (!isFirst && (!view.WasKnown || _silos.Except(view.Silos).Any()))
        {
            _recoveringSince = time.GetTimestamp();
            LogRecovering(view.Silos.Length);
            if (!view.WasKnown)
                view = view with { Silos = [] }; // who has dropped us, or is too new to know: everything is told anew
        }
        _silos = view.Silos;
        users.Compare(_recoveringSince == 0 ? null : view.Silos);
        if (_recoveringSince == 0)
            return;
        foreach (var room in router.Rooms)
            router.Sync(room, view.Silos);
        if (time.GetElapsedTime(_recoveringSince) > s_recovery)
            _recoveringSince = 0;
    }

    [LoggerMessage(1, LogLevel.Warning, "The front's lease could not be renewed; it is tried again, twice a second.")]
    private partial void LogRenewFailed(Exception exception);

    [LoggerMessage(3, LogLevel.Information, "The front's lease is renewed again.")]
    private partial void LogRenewed();

    [LoggerMessage(4, LogLevel.Warning, "The front's stream has brought nothing for {Silence}; it is subscribed to anew.")]
    private partial void LogSilent(TimeSpan silence);

    [LoggerMessage(2, LogLevel.Warning, "A silo is lost; {Silos} are up. Rooms and users are told anew who is here.")]
    private partial void LogRecovering(int silos);
}
