using Orleans;
using Orleans.Runtime;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Calls;
using Realtime.WebFront.Tokens;

namespace Realtime.WebFront;

/// <summary>
/// The life of a front: subscribes to its stream and holds its lease before clients are served, renews it, and takes itself out
/// after the last client has gone.
/// </summary>
internal sealed partial class FrontService(
    IClusterClient cluster, GrainCalls calls, FrontStream stream, FrontObserver observer, SiloRecovery recovery, RevocationSync revocations,
    ConnectionRegistry registry, CallMethods methods,
    TimeProvider time, IHostApplicationLifetime lifetime, ILogger<FrontService> logger)
    : IHostedService, IDisposable
{
    // A third of the shortest lease, so that a late or lost call costs none.
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(500);

    // While the lease is not renewed for so long, new clients are better served elsewhere. Those that are here stay.
    private static readonly TimeSpan s_readyTimeout = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private IFrontObserver? _reference;
    private Task _renewing = Task.CompletedTask;
    private long _renewedAt; // timestamp; 0 before the first time
    private bool _isReady;
    private bool _isFailing;

    /// <summary>The front receives its stream, holds its lease, knows who is blocked, and does not stop.</summary>
    public bool IsReady => _isReady && revocations.IsComplete && !lifetime.ApplicationStopping.IsCancellationRequested;

    private IFrontDirectoryGrain Directory => cluster.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key);

    private FrontReport Report => new(calls.Front, FrontReport.Current, registry.Count);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await methods.Start();
        await TryRenew(isFirst: true);
        _renewing = Renew();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _renewing.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!stream.IsSubscribed)
            return;
        try
        {
            await Directory.Unregister(calls.Front);
            await stream.Unsubscribe();
            cluster.DeleteObjectReference<IFrontObserver>(_reference!);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogRenewFailed(exception)); // the lease will end by itself
        }
    }

    public void Dispose() => _stopping.Dispose();

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
            await stream.EnsureSubscribed();
            _reference ??= cluster.CreateObjectReference<IFrontObserver>(observer);
            recovery.Compare(await Directory.RenewFront(Report, _reference));
            _renewedAt = time.GetTimestamp();
            var compared = revocations.Compare(); // a renewal must not wait for another grain
            if (isFirst)
                await compared.WaitAsync(s_period, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _isReady = true;
            if (_isFailing)
                LogRenewed();
            _isFailing = false;
        }
        catch (Exception exception) when (!isFirst || exception is TimeoutException or OrleansException or OperationCanceledException or ArgumentException)
        {
            _isReady = _renewedAt != 0 && time.GetElapsedTime(_renewedAt) < s_readyTimeout;
            if (!_isFailing)
                LogRenewFailed(exception);
            _isFailing = true;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The front's lease could not be renewed; it is tried again, twice a second.")]
    private partial void LogRenewFailed(Exception exception);

    [LoggerMessage(3, LogLevel.Information, "The front's lease is renewed again.")]
    private partial void LogRenewed();
}
