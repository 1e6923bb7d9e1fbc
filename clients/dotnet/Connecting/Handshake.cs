using System.Net;
using System.Net.WebSockets;
using Realtime.Client.State;

namespace Realtime.Client.Connecting;

/// <summary>Opens a socket to the server, or says why there is none.</summary>
internal sealed class Handshake(Session session)
{
    private const string Subprotocol = "realtime.json.v1";

    private readonly Uri _address = AddressOf(session.Options);

    /// <summary>The token for this attempt; null where none is used.</summary>
    /// <exception cref="RealtimeException">There is none any more.</exception>
    public async Task<string?> TokenAsync(CancellationToken cancellation)
    {
        var options = session.Options;
        if (options.TokenProvider is not { } provider)
            return options.Token;
        // Off this loop: what it blocks is then not the client's end.
        var token = await Task.Run(async () => await provider(cancellation).ConfigureAwait(false), CancellationToken.None).WaitAsync(cancellation).ConfigureAwait(false);
        if (string.IsNullOrEmpty(token))
            throw new RealtimeException(RealtimeErrorCodes.Offline, "There is no token: the token provider gave none.");
        return RealtimeClientOptions.TokenProblem(token) is { } problem ? throw new ArgumentException($"the token provider gave one that {problem}") : token;
    }

    /// <summary>A socket, or the reason why there is none.</summary>
    public async Task<(WebSocket? Socket, string? Token, Loss Loss)> OpenAsync(CancellationToken stop)
    {
        using var timeout = new CancellationTokenSource(session.Options.OpenTimeout, session.Time);
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

        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol(Subprotocol);
            socket.Options.CollectHttpResponseDetails = true;
            socket.Options.KeepAliveInterval = TimeSpan.Zero; // ours are pings that are answered
            if (token is not null)
                socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
            session.Options.ConfigureSocket?.Invoke(socket.Options);
            await socket.ConnectAsync(_address, either.Token).ConfigureAwait(false);
            if (socket.SubProtocol == Subprotocol)
                return (socket, token, default);
            socket.Dispose();
            return (null, null, new Loss(0, $"The server does not speak {Subprotocol}.") { IsFinal = !session.WasConnected });
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            socket.Dispose();
            return (null, null, new Loss(0, "The server did not answer in time."));
        }
        catch (Exception exception)
        {
            var loss = LossOf(socket, exception);
            socket.Dispose();
            return (null, null, loss);
        }
    }

    /// <summary>
    /// What a refusal means. The same request would be refused again, unless there can be another token; an address that had an endpoint once may have it again,
    /// as while servers are replaced.
    /// </summary>
    private Loss LossOf(ClientWebSocket socket, Exception exception)
    {
        var status = (int)socket.HttpStatusCode;
        return socket.HttpStatusCode switch
        {
            0 => new(0, exception.InnerException is { } inner ? $"{exception.Message} {inner.Message}" : exception.Message),
            HttpStatusCode.Unauthorized => new(status, session.CanRenew ? "The server refused the token (401)." : "The server wants another token (401).") { IsFinal = !session.CanRenew },
            HttpStatusCode.Forbidden => new(status, "The server does not let this user, or this origin, in (403).") { IsFinal = true },
            HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable => new(status, $"The server takes no more connections now ({status}).") { Hint = RetryAfter(socket) },
            >= HttpStatusCode.InternalServerError => new(status, $"The server failed ({status})."),
            HttpStatusCode.RequestTimeout => new(status, "The server did not hear the request in time (408)."),
            HttpStatusCode.SwitchingProtocols => new(status, $"The server does not speak {Subprotocol}: {exception.Message}") { IsFinal = !session.WasConnected },
            _ => new(status, $"There is no {Subprotocol} endpoint at {_address.GetLeftPart(UriPartial.Path)}: the server answered {status}.") { IsFinal = !session.WasConnected },
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
