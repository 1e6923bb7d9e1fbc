using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Realtime.Connections.Hosting;

/// <summary>
/// How the process's connections end when the host stops: a few at a time, so that their clients do not all come back in one moment,
/// and before any hosted service stops, so that those still open are served as ever.
/// </summary>
internal sealed class Drain(Heartbeat heartbeat, TimeProvider time, ConnectionOptions options, ILogger logger) : IHostedLifecycleService
{
    // A thousand handshakes a second are little for whoever takes the clients over, and few connections need no long drain.
    private static readonly TimeSpan s_perConnection = TimeSpan.FromMilliseconds(1);

    // Clients come back over at least so long: those of a short drain too have somewhere to find first.
    private const int LeastRetryMilliseconds = 1000;

    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _hasBegun;
    private int _running = 1; // connections, and one for the host as long as it runs
    private TimeSpan _spread;

    /// <summary>The host stops: no upgrade is accepted any more.</summary>
    public bool HasBegun => _hasBegun;

    public void Enter() => Interlocked.Increment(ref _running);

    /// <summary>A connection has ended and its handler knows.</summary>
    public void Leave()
    {
        if (Interlocked.Decrement(ref _running) == 0)
            _gone.TrySetResult();
    }

    /// <summary>Closes with 1001 and a hint when to come back.</summary>
    public void Close(Connection connection) =>
        connection.Lifecycle.BeginClose(CloseCodes.GoingAway, $"server shuts down; retry after {NextRetry()} ms");

    /// <summary>The same hint for an upgrade that is refused: Retry-After in whole seconds (RFC 9110 section 10.2.3).</summary>
    public int NextRetrySeconds() => 1 + NextRetry() / 1000;

    /// <summary>Whichever comes first begins: ApplicationStopping, on a signal, or StoppingAsync, when the host is stopped by code.</summary>
    public void Begin()
    {
        lock (_lock)
        {
            if (_hasBegun)
                return;
            var most = s_perConnection * (Volatile.Read(ref _running) - 1);
            _spread = most < options.DrainTime ? most : options.DrainTime;
            _hasBegun = true;
        }
        Leave();
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        Begin();
        var connections = heartbeat.Connections();
        if (connections.Count > 0)
            Log.Draining(logger, connections.Count, _spread);
        await CloseAsync(connections, cancellationToken);

        var bound = connections.Select(connection => connection.Options.CloseTimeout).DefaultIfEmpty(options.CloseTimeout).Max();
        await GoneAsync(bound, cancellationToken);
        if (_gone.Task.IsCompleted)
            return;
        var rest = heartbeat.Connections();
        Log.DrainEnds(logger, rest.Count);
        if (cancellationToken.IsCancellationRequested)
            return; // some have been told a moment ago: what is on its way to them is left to the server
        foreach (var connection in rest)
            connection.Abort();
    }

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // In random order, so that neither old connections nor those of one slot of the heartbeat go together. When the host cannot wait
    // any longer the rest is closed at once.
    private async Task CloseAsync(List<Connection> connections, CancellationToken cancellationToken)
    {
        Random.Shared.Shuffle(CollectionsMarshal.AsSpan(connections));
        long start = time.GetTimestamp();
        for (int i = 0; i < connections.Count; i++)
        {
            var wait = _spread * ((double)i / connections.Count) - time.GetElapsedTime(start);
            if (wait > TimeSpan.Zero)
                await GoneAsync(wait, cancellationToken);
            Close(connections[i]);
        }
    }

    // Waits until all are gone, the time has passed, or the host cannot wait any longer.
    private async Task GoneAsync(TimeSpan most, CancellationToken cancellationToken) =>
        await _gone.Task.WaitAsync(most, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    // Milliseconds. Twice the spread: who was closed first and who was closed last mix.
    private int NextRetry() => Random.Shared.Next(1 + Math.Max(LeastRetryMilliseconds, (int)(2 * _spread.TotalMilliseconds)));
}
