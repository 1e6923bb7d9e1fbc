using System.Globalization;
using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Realtime.Settings;

namespace Realtime.Connections;

/// <summary>
/// Turns requests into connections: for endpoints of one's own, where <see cref="ConnectionRouteBuilderExtensions.MapConnections(Microsoft.AspNetCore.Routing.IEndpointRouteBuilder, string, Func{Connection, Task}, Action{ConnectionOptions}?)"/>
/// does not fit. Make one per kind of connection and keep it. Needs <see cref="ConnectionServiceCollectionExtensions.AddRealtimeConnections"/>.
/// </summary>
public sealed partial class Upgrader
{
    private static readonly UpgradeRefusal s_shutsDown = new(StatusCodes.Status503ServiceUnavailable, "The server shuts down.");
    private static readonly UpgradeRefusal s_tooMany = new(StatusCodes.Status503ServiceUnavailable, "The server has as many connections as it may have.");

    private readonly ConnectionEndpoint _endpoint;

    /// <summary>Connections go to a handler.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="handler">Serves all connections of this upgrader.</param>
    /// <param name="configure">Changes the process's options for this upgrader.</param>
    /// <exception cref="OptionsValidationException">An option is out of range.</exception>
    public Upgrader(IServiceProvider services, ConnectionHandler handler, Action<ConnectionOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(handler);
        var shared = services.GetService<ConnectionServices>()
            ?? throw new InvalidOperationException("Connections are not set up: call services.AddRealtimeConnections() first.");
        var options = shared.Options.Copy();
        configure?.Invoke(options);
        if (SettingsCheck.Problems(ConnectionOptions.Section, options) is { Count: > 0 } problems)
            throw new OptionsValidationException(ConnectionOptions.Section, typeof(ConnectionOptions), problems);
        _endpoint = new(shared, options, handler);
    }

    /// <summary>Each connection runs a function and closes when it returns.</summary>
    public Upgrader(IServiceProvider services, Func<Connection, Task> function, Action<ConnectionOptions>? configure = null)
        : this(services, new DelegateHandler(function ?? throw new ArgumentNullException(nameof(function))), configure)
    {
    }

    /// <summary>
    /// Upgrades the request or refuses it with a response. When the connection leaves HTTP the task ends at
    /// once and the connection lives on by itself; otherwise it ends with the connection. Either way the endpoint must then return
    /// without touching the response.
    /// </summary>
    /// <returns>Whether the request was upgraded.</returns>
    public async Task<bool> UpgradeAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var options = _endpoint.Options;
        var services = _endpoint.Services;
        if (options.Events is not null)
            throw new InvalidOperationException("This upgrader is for streams of events.");
        if (services.Drain.HasBegun)
            return await RefuseAsync(context, ShutsDown(context));
        if (UpgradeRequest.Check(context, options, out var agreed) is { } refusal)
            return await RefuseAsync(context, refusal);

        var peer = PeerOf(context, options, agreed.Subprotocol, agreed.WindowBits);
        if (options.Gate is { } gate && await gate.EnterAsync(context, peer.UserId) is { } full)
            return await RefuseAsync(context, full);
        return agreed.Key is not null && _endpoint.MayLeave && context.Features.Get<IConnectionTransportFeature>()?.Transport is PolledConnection polled
            ? await LeaveAsync(context, polled, peer, agreed)
            : await StayAsync(context, peer, agreed);
    }

    private UpgradeRefusal ShutsDown(HttpContext context)
    {
        context.Response.Headers.RetryAfter = _endpoint.Services.Drain.NextRetrySeconds().ToString(CultureInfo.InvariantCulture);
        return s_shutsDown;
    }

    private static Peer PeerOf(HttpContext context, ConnectionOptions options, string? subprotocol, int windowBits) => new(
        User: IsAnybody(context.User) ? context.User : null,
        UserId: options.UserId is { } userId ? userId(context) : DefaultUserId(context.User),
        RemoteAddress: RemoteAddress(context),
        subprotocol,
        windowBits,
        State: options.State?.Invoke(context));

    // The connection runs when this request has ended. The transport is one that no layer stands upon: TLS, say, would be its own.
    private async Task<bool> LeaveAsync(HttpContext context, PolledConnection polled, Peer peer, Agreed agreed)
    {
        var services = _endpoint.Services;
        if (!services.TryCountLeft())
        {
            Fail(peer);
            return await RefuseAsync(context, s_tooMany);
        }
        bool accepted = false;
        polled.LeaveTo(new Leaving(_endpoint, peer));
        try
        {
            accepted = await AcceptAsync(context, agreed) is not null;
        }
        finally
        {
            if (!accepted && polled.Stay())
            {
                services.UncountLeft();
                Fail(peer);
            }
        }
        return accepted;
    }

    // The connection runs within this request.
    private async Task<bool> StayAsync(HttpContext context, Peer peer, Agreed agreed)
    {
        Stream? stream = null;
        try
        {
            stream = await AcceptAsync(context, agreed);
        }
        finally
        {
            if (stream is null)
                Fail(peer);
        }
        if (stream is null)
            return false;
        context.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout(); // it is not meant for what may last for days
        bool http2 = agreed.Key is null;
        await new Connection(_endpoint, new StreamTransport(stream, _endpoint.Options.ReadBufferSize, context.Abort, Acknowledged(context, http2)), peer).RunAsync();
        return true;
    }

    private void Fail(in Peer peer) => _endpoint.Options.Gate?.Failed(peer.UserId, peer.RemoteAddress);

    /// <summary>Sends the answer; null when that was refused or took too long.</summary>
    private async Task<Stream?> AcceptAsync(HttpContext context, Agreed agreed)
    {
        WriteHeaders(context.Response.Headers, agreed);
        try
        {
            var accepting = agreed.Key is null
                ? context.Features.GetRequiredFeature<IHttpExtendedConnectFeature>().AcceptAsync().AsTask()
                : context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
            return await accepting.WaitAsync(_endpoint.Options.HandshakeTimeout, _endpoint.Services.Time);
        }
        catch (TimeoutException)
        {
            context.Abort();
        }
        catch (InvalidOperationException) when (!context.Response.HasStarted)
        {
            await RefuseAsync(context, s_tooMany); // the only reason that the server has left: its bound on upgraded connections
        }
        return null;
    }

    private void WriteHeaders(IHeaderDictionary headers, in Agreed agreed)
    {
        if (_endpoint.Options.ResponseHeaders.Count > 0)
        {
            foreach (var (name, value) in _endpoint.Options.ResponseHeaders)
                headers[name] = value;
        }
        if (agreed.Subprotocol is not null)
            headers.SecWebSocketProtocol = agreed.Subprotocol;
        if (agreed.Extensions is not null)
            headers.SecWebSocketExtensions = agreed.Extensions;
        if (agreed.Key is not null)
        {
            headers.Upgrade = UpgradeRequest.WebSocket; // Kestrel adds Connection
            headers.SecWebSocketAccept = UpgradeRequest.Accept(agreed.Key);
        }
    }

    private async Task<bool> RefuseAsync(HttpContext context, UpgradeRefusal refusal)
    {
        Log.UpgradeRefused(_endpoint.Services.Logger, refusal.Status, refusal.Reason);
        _endpoint.Services.Metrics.Refused(Label(refusal));
        var response = context.Response;
        response.StatusCode = refusal.Status;
        response.Headers.Remove(HeaderNames.SecWebSocketAccept);
        response.Headers.Remove(HeaderNames.SecWebSocketProtocol);
        response.Headers.Remove(HeaderNames.SecWebSocketExtensions);
        if (_endpoint.Options.OnUpgradeRefused is { } write)
        {
            await write(context, refusal);
            return false;
        }
        response.ContentType = "text/plain; charset=utf-8";
        await response.WriteAsync(refusal.Reason + "\n", context.RequestAborted);
        return false;
    }

    // Reasons are words for people; a few stand for all of them.
    private static string Label(in UpgradeRefusal refusal) => refusal == s_shutsDown ? "shutting_down" : refusal.Status switch
    {
        StatusCodes.Status401Unauthorized => "unauthorized",
        StatusCodes.Status403Forbidden => "forbidden",
        StatusCodes.Status429TooManyRequests => "rate_limited",
        StatusCodes.Status503ServiceUnavailable => "full",
        < StatusCodes.Status500InternalServerError => "bad_request",
        _ => "_OTHER",
    };

    // Of the socket that is under whatever layers there are. That of HTTP/2 says nothing about one of its streams.
    private static Func<long?> Acknowledged(HttpContext context, bool http2)
    {
        if (http2 || !OperatingSystem.IsLinux())
            return static () => null;
        if (context.Features.Get<IConnectionTransportFeature>() is PolledConnection polled)
            return polled.Acknowledged;
        if (context.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket)
            return static () => null;
        // Of what is not TCP only what is left to send is known, and more may have come to that meanwhile.
        return () => Linux.Acknowledged(socket) ?? (Linux.Unacknowledged(socket.SafeHandle) is >= 0 and var rest ? -rest : null);
    }

    // The connection's own object if it says the same, which it does not when a proxy's headers were processed.
    private static EndPoint? RemoteAddress(HttpContext context)
    {
        if (context.Connection.RemoteIpAddress is not { } address)
            return null;
        int port = context.Connection.RemotePort;
        return context.Features.Get<IConnectionEndPointFeature>()?.RemoteEndPoint is IPEndPoint own && own.Port == port && own.Address.Equals(address)
            ? own
            : new IPEndPoint(address, port);
    }

    // Says whether the request knows who it is from: what says nothing is not kept with the connection.
    private static bool IsAnybody(ClaimsPrincipal user)
    {
        foreach (var identity in user.Identities)
        {
            if (identity.IsAuthenticated || identity.Claims.Any())
                return true;
        }
        return false;
    }

    private static string? DefaultUserId(ClaimsPrincipal user) =>
        user.Identity is { IsAuthenticated: true } ? user.Identity.Name ?? user.FindFirst("sub")?.Value : null;
}
