using System.Net;
using System.Net.WebSockets;
using Realtime.Client.Protocol;
using Realtime.Client.State;

namespace Realtime.Client.Connecting;

/// <summary>Opens a socket to the server, or says why there is none.</summary>
internal sealed class Handshake
{
    private const string Subprotocol = "realtime.json.v1";

    private readonly Session _session;
    private readonly Uri _address;
    private readonly SessionAddress? _sessions;

    public Handshake(Session session)
    {
        _session = session;
        _address = AddressOf(_session.Options);
        _sessions = session.Options.Fallback ? SessionAddress.Of(_address) : null;
    }

    /// <summary>Whether there is a way without WebSockets.</summary>
    public bool CanDoWithout => _sessions is not null;

    /// <summary>The token for this attempt; null where none is used.</summary>
    /// <exception cref="RealtimeException">There is none any more.</exception>
    public async Task<string?> TokenAsync(CancellationToken cancellation)
    {
        var options = _session.Options;
        if (options.TokenProvider is not { } provider)
            return options.Token;
        // Off this loop: what it blocks is then not the client's end.
        var token = await Task.Run(async () => await provider(cancellation).ConfigureAwait(false), CancellationToken.None).WaitAsync(cancellation).ConfigureAwait(false);
        if (string.IsNullOrEmpty(token))
            throw new RealtimeException(RealtimeErrorCodes.Offline, "There is no token: the token provider gave none.");
        return RealtimeClientOptions.TokenProblem(token) is { } problem ? throw new ArgumentException($"the token provider gave one that {problem}") : token;
    }

    /// <summary>A WebSocket, or what takes its place where something on the way does not let WebSockets pass, or the reason why there is none.</summary>
    public async Task<(WebSocket? Socket, string? Token, Loss Loss)> OpenAsync(TransportChoice choice, CancellationToken stop)
    {
        using var timeout = new CancellationTokenSource(_session.Options.OpenTimeout, _session.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, timeout.Token);
        string? token;
        try
        {
            token = await TokenAsync(either.Token).ConfigureAwait(false);
        }
        catch (RealtimeException exception) when (exception.Code == RealtimeErrorCodes.Offline)
        {
            return (null, null, new Loss(0, exception.Message) { IsFinal = true });
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            return (null, null, new Loss(0, "The token did not come in time."));
        }
        catch (Exception exception)
        {
            return (null, null, new Loss(0, $"There is no token: {exception.Message}"));
        }

        if (choice.IsWithout)
        {
            var (events, refusal) = await OpenEventsAsync(token, either.Token).ConfigureAwait(false);
            if (events is null)
                choice.NothingPasses();
            // It may be a server that has no such sessions; what it says of its user holds.
            return (events, token, refusal with { IsFinal = refusal.IsFinal && refusal.Code is 401 or 403 });
        }
        var (socket, loss) = await OpenWebSocketAsync(token, either.Token).ConfigureAwait(false);
        if (socket is null && loss.Blames == Blame.Refusal && choice.CanDoWithout)
        {
            var (events, _) = await OpenEventsAsync(token, either.Token).ConfigureAwait(false);
            if (events is not null)
            {
                choice.Refused();
                return (events, token, default);
            }
        }
        else if (socket is null && loss.Blames == Blame.Cut)
            choice.Cut();
        return (socket, token, loss);
    }

    /// <summary>Opens a WebSocket beside a session that does without, and sees whether it lives and brings something.</summary>
    /// <exception cref="RealtimeException">There is no token any more.</exception>
    public async Task<bool> WebSocketsPassAsync(CancellationToken stop)
    {
        WebSocket? socket;
        using (var timeout = new CancellationTokenSource(_session.Options.OpenTimeout, _session.Time))
        using (var either = CancellationTokenSource.CreateLinkedTokenSource(stop, timeout.Token))
        {
            var token = await TokenAsync(either.Token).ConfigureAwait(false);
            (socket, _) = await OpenWebSocketAsync(token, either.Token).ConfigureAwait(false);
        }
        if (socket is null)
            return false;
        using (socket)
        {
            await socket.SendAsync(FrameWriter.Ping(null), WebSocketMessageType.Text, endOfMessage: true, stop).ConfigureAwait(false);
            var (heard, buffer) = (false, new byte[1024]);
            var ending = Task.Run(ReadAllAsync, stop);
            await Task.WhenAny(ending, Task.Delay(TransportChoice.StableAfter, _session.Time, stop)).ConfigureAwait(false);
            stop.ThrowIfCancellationRequested();
            if (ending.IsCompleted || !Volatile.Read(ref heard))
                return false;
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", stop).ConfigureAwait(false);
            return true;

            async Task ReadAllAsync()
            {
                try
                {
                    while ((await socket.ReceiveAsync(buffer.AsMemory(), stop).ConfigureAwait(false)).MessageType != WebSocketMessageType.Close)
                        Volatile.Write(ref heard, true);
                }
                catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or ObjectDisposedException)
                {
                    // Cut; or the look is over.
                }
            }
        }
    }

    private async Task<(WebSocket? Socket, Loss Loss)> OpenWebSocketAsync(string? token, CancellationToken cancellation)
    {
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol(Subprotocol);
            socket.Options.CollectHttpResponseDetails = true;
            socket.Options.KeepAliveInterval = TimeSpan.Zero; // ours are pings that are answered
            if (token is not null)
                socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
            _session.Options.ConfigureSocket?.Invoke(socket.Options);
            using var http = _session.Options.HttpHandlerFactory is { } factory ? new HttpMessageInvoker(factory(), disposeHandler: false) : null;
            await socket.ConnectAsync(_address, http, cancellation).ConfigureAwait(false);
            if (socket.SubProtocol == Subprotocol)
                return (socket, default);
            socket.Dispose();
            return (null, new Loss(0, $"The server does not speak {Subprotocol}.") { IsFinal = !_session.WasConnected });
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            socket.Dispose();
            return (null, new Loss(0, "The server did not answer in time.") { Blames = Blame.Cut });
        }
        catch (Exception exception)
        {
            var loss = socket.HttpStatusCode == 0 ? Unanswered(exception)
                : socket.HttpStatusCode == HttpStatusCode.SwitchingProtocols
                    ? new((int)socket.HttpStatusCode, $"The server does not speak {Subprotocol}: {exception.Message}") { IsFinal = !_session.WasConnected }
                : Refused(socket.HttpStatusCode, RetryAfter(socket));
            socket.Dispose();
            return (null, loss);
        }
    }

    private async Task<(WebSocket? Socket, Loss Loss)> OpenEventsAsync(string? token, CancellationToken cancellation)
    {
        try
        {
            var (socket, refusal) = await EventSocket.OpenAsync(_sessions!, Http(), token, _session.Options.MaxReceiveBytes, _session.Time, cancellation).ConfigureAwait(false);
            using (refusal)
                return (socket, refusal is null ? default : Refused(refusal.StatusCode, refusal.Headers.RetryAfter?.Delta));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return (null, new Loss(0, "The server did not answer in time."));
        }
        catch (Exception exception)
        {
            return (null, Unanswered(exception));
        }
    }

    /// <summary>What requests go by: the application's, or one that has what it has set for WebSockets and can be read there.</summary>
    private HttpMessageInvoker Http()
    {
        if (_session.Options.HttpHandlerFactory is { } factory)
            return new(factory(), disposeHandler: false);
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        if (_session.Options.ConfigureSocket is { } configure)
        {
            using var socket = new ClientWebSocket();
            configure(socket.Options);
            if (socket.Options.Proxy is { } proxy)
                handler.Proxy = proxy;
            if (socket.Options.Cookies is { } cookies)
                (handler.UseCookies, handler.CookieContainer) = (true, cookies);
            handler.Credentials = socket.Options.UseDefaultCredentials ? CredentialCache.DefaultCredentials : socket.Options.Credentials;
            handler.SslOptions.RemoteCertificateValidationCallback = socket.Options.RemoteCertificateValidationCallback;
            if (socket.Options.ClientCertificates is { Count: > 0 } certificates)
                handler.SslOptions.ClientCertificates = certificates;
        }
        return new(handler, disposeHandler: true);
    }

    private static Loss Unanswered(Exception exception)
    {
        var cause = exception as HttpRequestException ?? exception.InnerException as HttpRequestException;
        return new(0, exception.InnerException is { } inner ? $"{exception.Message} {inner.Message}" : exception.Message)
        {
            // Where nobody can be reached it is not WebSockets that do not pass.
            Blames = cause?.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError ? Blame.Server : Blame.Cut,
        };
    }

    /// <summary>
    /// What a refusal means. The same request would be refused again, unless there can be another token; an address that had an endpoint once may have it again,
    /// as while servers are replaced.
    /// </summary>
    private Loss Refused(HttpStatusCode status, TimeSpan? retryAfter)
    {
        var code = (int)status;
        return status switch
        {
            HttpStatusCode.Unauthorized => new(code, _session.CanRenew ? "The server refused the token (401)." : "The server wants another token (401).") { IsFinal = !_session.CanRenew },
            HttpStatusCode.Forbidden => new(code, "The server does not let this user, or this origin, in (403).") { IsFinal = true, Blames = Blame.Refusal },
            HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable => new(code, $"The server takes no more connections now ({code}).") { Hint = retryAfter },
            >= HttpStatusCode.InternalServerError => new(code, $"The server failed ({code}).") { Blames = Blame.Cut },
            HttpStatusCode.RequestTimeout => new(code, "The server did not hear the request in time (408).") { Blames = Blame.Cut },
            _ => new(code, $"There is no {Subprotocol} endpoint at {_address.GetLeftPart(UriPartial.Path)}: the server answered {code}.") { IsFinal = !_session.WasConnected, Blames = Blame.Refusal },
        };
    }

    /// <summary>The header, in seconds; null when there is none, or a date.</summary>
    private static TimeSpan? RetryAfter(ClientWebSocket socket)
    {
        foreach (var (name, values) in socket.HttpResponseHeaders ?? new Dictionary<string, IEnumerable<string>>())
        {
            if (name.Equals("Retry-After", StringComparison.OrdinalIgnoreCase) && uint.TryParse(values.FirstOrDefault(), out var seconds))
                return TimeSpan.FromSeconds(seconds);
        }
        return null;
    }

    private static Uri AddressOf(RealtimeClientOptions options)
    {
        var address = new UriBuilder(options.Address!);
        var isDefault = options.Address!.IsDefaultPort;
        address.Scheme = address.Scheme is "https" or "wss" ? "wss" : "ws";
        if (isDefault)
            address.Port = -1;
        if (options.User is not null)
            address.Query = $"{(address.Query.Length > 1 ? address.Query[1..] + "&" : "")}user={Uri.EscapeDataString(options.User)}";
        return address.Uri;
    }
}
