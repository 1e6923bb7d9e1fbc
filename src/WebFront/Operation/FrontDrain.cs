using System.Globalization;
using System.Net;
using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.PushStreams;
using Realtime.WebFront.Limiting;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Operation;

/// <summary>
/// Empties the front while it runs: no client is let in, and those that are here are closed over <see cref="ConnectionOptions.DrainTime"/>, in
/// random order and each with a time to come back at, as when the process stops. What it serves by HTTP goes on.
/// </summary>
internal sealed partial class FrontDrain(
    ConnectionRegistry registry, ConnectionLimits limits, IOptions<ConnectionOptions> options, TimeProvider time, ILogger<FrontDrain> logger) : ConnectionGate
{
    // Those of a short drain too have somewhere to find first.
    private const int LeastRetryMilliseconds = 1000;

    // A thousand handshakes a second are little for whoever takes the clients over, and few connections need no long drain.
    private static readonly TimeSpan s_perConnection = TimeSpan.FromMilliseconds(1);

    private readonly Lock _lock = new();
    private readonly ConnectionGate? _limits = limits.Gate;
    private CancellationTokenSource? _drain; // while it is on

    public bool IsOn => Volatile.Read(ref _drain) is not null;

    /// <summary>Begins, or ends; returns how many connections there are. Doing either twice does nothing more.</summary>
    public int Set(bool isOn)
    {
        lock (_lock)
        {
            if (isOn && _drain is null)
            {
                _drain = new CancellationTokenSource();
                LogBegun(Clients().Length);
                _ = Guarded(Close(_drain.Token));
            }
            else if (!isOn && _drain is not null)
            {
                _drain.Cancel();
                _drain.Dispose();
                _drain = null;
                LogEnded();
            }
        }
        return registry.Count;
    }

    public override async ValueTask<UpgradeRefusal?> EnterAsync(HttpContext context, string? userId)
    {
        if (!IsOn)
            return _limits is null ? null : await _limits.EnterAsync(context, userId);
        context.Response.Headers.RetryAfter = (1 + NextRetry(0) / 1000).ToString(CultureInfo.InvariantCulture);
        return new(StatusCodes.Status503ServiceUnavailable, "This front is being drained; another one takes clients.");
    }

    public override void Opening(Connection connection, ConnectionRegistry registry)
    {
        if (_limits is null)
            base.Opening(connection, registry);
        else
            _limits.Opening(connection, registry);
        if (IsOn)
            Close(connection, 0); // it was let in before
    }

    public override void Failed(string? userId, EndPoint? address) => _limits?.Failed(userId, address);

    public override void Left(Connection connection) => _limits?.Left(connection);

    private Connection[] Clients() => [.. registry.Connections.Where(connection => connection.State is Session)];

    private async Task Close(CancellationToken ended)
    {
        await Task.Yield(); // away from the caller's lock
        var clients = Clients();
        Random.Shared.Shuffle(clients);
        var spread = clients.Length * s_perConnection < options.Value.DrainTime ? clients.Length * s_perConnection : options.Value.DrainTime;
        var start = time.GetTimestamp();
        for (var i = 0; i < clients.Length && !ended.IsCancellationRequested; i++)
        {
            if (spread * ((double)i / clients.Length) - time.GetElapsedTime(start) is var wait && wait > TimeSpan.Zero)
                await Task.Delay(wait, time, ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!ended.IsCancellationRequested)
                Close(clients[i], (int)(2 * spread.TotalMilliseconds));
        }
    }

    private static void Close(Connection connection, int retry) =>
        _ = connection.CloseAsync(CloseCodes.GoingAway, $"front is drained; retry after {NextRetry(retry)} ms");

    // Milliseconds. Who was closed first and who was closed last mix.
    private static int NextRetry(int most) => Random.Shared.Next(1 + Math.Max(LeastRetryMilliseconds, most));

    private async Task Guarded(Task work)
    {
        try
        {
            await work;
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(exception));
        }
    }

    [LoggerMessage(1, LogLevel.Information, "The front is drained by a request: {Connections} connections are closed, and none is let in.")]
    private partial void LogBegun(int connections);

    [LoggerMessage(2, LogLevel.Information, "The drain of the front has ended: clients are let in.")]
    private partial void LogEnded();

    [LoggerMessage(3, LogLevel.Error, "The connections of the front could not be closed.")]
    private partial void LogFailed(Exception exception);
}
