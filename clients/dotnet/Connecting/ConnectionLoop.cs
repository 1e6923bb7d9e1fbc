using Realtime.Client.Protocol;
using Realtime.Client.State;

namespace Realtime.Client.Connecting;

/// <summary>Connects, and connects again, until it is stopped or coming back would only repeat a refusal.</summary>
internal sealed class ConnectionLoop
{
    /// <summary>How soon it is seen again whether nothing waits.</summary>
    private static readonly TimeSpan s_goOverPause = TimeSpan.FromMilliseconds(100);

    private readonly Session _session;
    private readonly Handshake _handshake;
    private readonly TransportChoice _choice;
    private readonly CancellationTokenSource _stop = new();
    private TaskCompletionSource? _retry;
    private Task _ended = Task.CompletedTask;
    private volatile bool _looks;

    public ConnectionLoop(Session session)
    {
        _session = session;
        _handshake = new(session);
        _choice = new(_handshake.CanDoWithout);
    }

    public void Start() => _ended = Task.Run(RunAsync);

    /// <summary>Ends the wait before the next attempt.</summary>
    public void RetryNow() => Volatile.Read(ref _retry)?.TrySetResult();

    /// <summary>Ends it, and the connection in an orderly way.</summary>
    public void Stop() => _ = _stop.CancelAsync();

    public Task Ended => _ended;

    private async Task RunAsync()
    {
        try
        {
            for (var attempt = 0; !_stop.IsCancellationRequested; attempt++)
            {
                var (socket, token, loss) = await _handshake.OpenAsync(_choice, _stop.Token).ConfigureAwait(false);
                SocketConnection? connection = null;
                if (socket is not null)
                {
                    var start = _session.Time.GetTimestamp();
                    connection = new SocketConnection(socket, _session);
                    loss = await LiveAsync(connection, token).ConfigureAwait(false);
                    var lived = _session.Time.GetElapsedTime(start);
                    if (connection.Transport == RealtimeTransport.WebSocket)
                        _choice.Ended(loss, lived, connection.HasHeard);
                    // It was a good one: the back-off starts afresh.
                    if (lived >= TransportChoice.StableAfter)
                        attempt = 0;
                }
                if (_stop.IsCancellationRequested || loss.IsFinal)
                {
                    _session.Stopped(this, loss);
                    await CloseAsync(connection, waits: true).ConfigureAwait(false);
                    return;
                }
                var wait = loss.Wait(attempt, _session.Options);
                var retry = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                Volatile.Write(ref _retry, retry);
                using var waiting = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                var delay = Task.Delay(wait, _session.Time, waiting.Token);
                _session.Lost(this, loss, attempt + 1, _session.Time.GetUtcNow() + wait);
                await CloseAsync(connection, waits: false).ConfigureAwait(false);
                await Task.WhenAny(delay, retry.Task).ConfigureAwait(false);
                await waiting.CancelAsync().ConfigureAwait(false);
                _session.Tries(this);
            }
        }
        catch (Exception exception)
        {
            Log.Failed(_session.Logger, exception);
            _session.Stopped(this, new(0, exception.Message));
        }
    }

    /// <summary>Has the connection serve the session, until its end.</summary>
    private async Task<Loss> LiveAsync(SocketConnection connection, string? token)
    {
        using var stop = _stop.Token.UnsafeRegister(static its => ((SocketConnection)its!).End(new(1000, "")), connection);
        if (!_session.Opened(this, connection))
            return new(1000, "");
        connection.Start();
        _ = Guarded(() => WatchAsync(connection), connection);
        if (token is not null && _session.CanRenew)
            _ = Guarded(() => RenewAsync(connection, token), connection);
        if (connection.Transport != RealtimeTransport.WebSocket)
            _ = Guarded(() => LookAsync(connection), connection);
        var loss = await connection.Lost.ConfigureAwait(false);
        // Of a user who may have only so many connections the one that looks has taken this one's place.
        return loss.Code == Loss.Replaced && _looks ? loss with { IsFinal = false } : loss;
    }

    /// <summary>Looks from time to time whether WebSockets pass again, and goes over to one when nothing would be lost sight of.</summary>
    private async Task LookAsync(SocketConnection connection)
    {
        while (true)
        {
            await Task.Delay(_choice.UntilLook(_session.Options.WebSocketAgain), _session.Time, connection.Ended).ConfigureAwait(false);
            try
            {
                _looks = true;
                if (await _handshake.WebSocketsPassAsync(connection.Ended).ConfigureAwait(false))
                    break;
            }
            catch (RealtimeException exception) when (exception.Code is RealtimeErrorCodes.Offline)
            {
                connection.End(new(0, exception.Message) { IsFinal = true });
                return;
            }
            catch (Exception exception) when (!connection.Ended.IsCancellationRequested)
            {
                Log.NoLook(_session.Logger, exception);
            }
            _looks = false;
            _choice.LookedInVain();
        }
        _looks = false;
        _choice.WebSocketsPass();
        while (!_session.TryGoOver(connection))
            await Task.Delay(s_goOverPause, _session.Time, connection.Ended).ConfigureAwait(false);
    }

    private async Task CloseAsync(SocketConnection? connection, bool waits)
    {
        if (connection is not null)
            await connection.CloseAsync(waits).ConfigureAwait(false);
    }

    private async Task Guarded(Func<Task> work, SocketConnection connection)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception) when (connection.Ended.IsCancellationRequested)
        {
            // It was for this connection.
        }
        catch (Exception exception)
        {
            Log.Failed(_session.Logger, exception);
            connection.End(new(0, exception.Message));
        }
    }

    /// <summary>After a long silence, asks whether the server is there. Whatever it says then is an answer.</summary>
    private async Task WatchAsync(SocketConnection connection)
    {
        var (time, options) = (_session.Time, _session.Options);
        while (true)
        {
            var heard = connection.Heard;
            var silence = time.GetElapsedTime(heard);
            if (silence < options.PingAfter)
            {
                await Task.Delay(options.PingAfter - silence, time, connection.Ended).ConfigureAwait(false);
                continue;
            }
            connection.Send(FrameWriter.Ping(null));
            await Task.Delay(options.PongTimeout, time, connection.Ended).ConfigureAwait(false);
            if (connection.Heard == heard)
                connection.End(new(0, "The server fell silent."));
        }
    }

    /// <summary>Brings the server a new token when most of the life of the old one is over, so that its end does not close the connection.</summary>
    private async Task RenewAsync(SocketConnection connection, string token)
    {
        var wait = TokenDates.Of(token).Renewal(_session.Time.GetUtcNow());
        while (wait is { } time)
        {
            await Task.Delay(time, _session.Time, connection.Ended).ConfigureAwait(false);
            var next = token;
            try
            {
                next = (await _handshake.TokenAsync(connection.Ended).ConfigureAwait(false))!;
                if (next != token)
                {
                    await _session.RefreshAsync(connection, next).ConfigureAwait(false);
                    connection.Renewed(next);
                }
            }
            catch (RealtimeException exception) when (exception.Code is RealtimeErrorCodes.Offline && !connection.Lost.IsCompleted)
            {
                connection.End(new(0, exception.Message) { IsFinal = true });
                return;
            }
            catch (RealtimeException exception) when (exception.Code is RealtimeErrorCodes.TokenInvalid)
            {
                connection.End(new(0, $"The server refused the new token: {exception.Message}"));
                return;
            }
            catch (RealtimeException exception) when (exception.Code is "bad_request" or "unknown_type")
            {
                return; // it renews no such token: 4003 comes, and then another connection
            }
            catch (Exception exception) when (!connection.Ended.IsCancellationRequested)
            {
                Log.NoRenewal(_session.Logger, exception);
                next = token;
            }
            // Without a new one it is tried again in half of the time that is left, and at the end 4003 comes.
            var now = _session.Time.GetUtcNow();
            wait = next == token ? Half(TokenDates.Of(token).Remaining(now)) : TokenDates.Of(next).Renewal(now);
            token = next;
        }
    }

    private static TimeSpan Half(TimeSpan remaining) => remaining / 2 is var half && half > TimeSpan.FromSeconds(1) ? half : TimeSpan.FromSeconds(1);
}
