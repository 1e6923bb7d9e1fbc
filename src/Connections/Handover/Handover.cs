using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Realtime.Connections;

/// <summary>
/// Stands between a plain TCP connection and Kestrel's HTTP, so that the connection can be taken from HTTP after an upgrade: the
/// endpoint lets the server write its 101, which is held back, and returns; once HTTP has let go, the middleware sends the 101 and runs the
/// connection, and everything that HTTP held is free. On Linux the server's transport lets go too: see <see cref="PolledTransport"/>.
/// </summary>
internal sealed class Handover : IDuplexPipe
{
    private readonly ConnectionContext _context;
    private readonly IDuplexPipe _original;
    private readonly Socket _socket;
    private readonly HandoverReader _input;
    private readonly HandoverWriter _output;
    private readonly HandoverHeartbeat _heartbeat;
    private Func<ITransport, Connection>? _connect;
    private ConnectionEndpoint? _endpoint; // null unless one took the connection
    private ReadOnlyMemory<byte> _answer;

    private Handover(ConnectionContext context, Socket socket, IConnectionHeartbeatFeature heartbeat)
    {
        _context = context;
        _original = context.Transport;
        _socket = socket;
        _input = new(_original.Input);
        _output = new(_original.Output);
        _heartbeat = new(heartbeat);
        context.Transport = this;
        context.Features.Set<IConnectionHeartbeatFeature>(_heartbeat);
    }

    public PipeReader Input => _input;
    public PipeWriter Output => _output;

    /// <summary>Serves one connection: HTTP first, then, if an endpoint took it, the connection.</summary>
    public static async Task ServeAsync(ConnectionContext context, ConnectionDelegate http)
    {
        if (!CanWrap(context, out var socket, out var heartbeat))
        {
            await http(context);
            return;
        }
        if (await ServeHttpAsync(context, http, socket, heartbeat) is not { } handover || await handover.ConnectAsync() is not { } connection)
            return;
        if (connection.Transport is PolledTransport)
            // Away from the request's context, which would be kept as long as the connection.
            ThreadPool.UnsafeQueueUserWorkItem(static connection => _ = connection.RunAsync(), connection, preferLocal: true);
        else
            await connection.RunAsync();
    }

    /// <summary>
    /// The request's hand-over, if its connection can be taken: HTTP talks to the wrapper and not, say, to TLS in between; and nothing
    /// was written before, of which nobody can tell whether Kestrel has sent it yet.
    /// </summary>
    public static Handover? Of(HttpContext context) =>
        context.Features.Get<IConnectionTransportFeature>()?.Transport is Handover { _output.WasUsed: false } handover ? handover : null;

    /// <summary>An endpoint wants the connection: what the server writes from now on is held back.</summary>
    public void Begin() => _output.HoldBack();

    /// <summary>The endpoint does not want it after all; nothing has been written.</summary>
    public void Cancel() => _output.PassThrough();

    /// <summary>The server has written its 101 and has nothing more to say.</summary>
    public void Complete(ConnectionEndpoint endpoint, Func<ITransport, Connection> connect)
    {
        _endpoint = endpoint;
        _connect = connect;
        _input.Detach();
        _answer = _output.Detach();
        _heartbeat.Detach();
    }

    private static async Task<Handover?> ServeHttpAsync(ConnectionContext context, ConnectionDelegate http, Socket socket, IConnectionHeartbeatFeature heartbeat)
    {
        var handover = new Handover(context, socket, heartbeat);
        try
        {
            await http(context);
        }
        catch (Exception) when (handover._endpoint is not null)
        {
            // Whatever HTTP found at the end, the connection is no longer its.
        }
        context.Transport = handover._original;
        return handover._endpoint is null ? null : handover;
    }

    // Sends the 101; null when that was not possible.
    private async ValueTask<Connection?> ConnectAsync()
    {
        var endpoint = _endpoint!;
        // The server writes no answer to a peer that has left meanwhile.
        if (_answer.IsEmpty || TakeSocket(endpoint) is not { } transport)
            Log.Lost(endpoint.Services.Logger);
        else
        {
            try
            {
                var rest = _answer[Math.Max(0, transport.TrySend(_answer.Span))..];
                if (!rest.IsEmpty)
                    await transport.SendAsync(rest).AsTask().WaitAsync(endpoint.Options.HandshakeTimeout, endpoint.Services.Time);
                return _connect!(transport);
            }
            catch (Exception e)
            {
                Log.AnswerFailed(endpoint.Services.Logger, e);
            }
            transport.Abort();
            transport.Input.Complete();
        }
        endpoint.Services.UncountHandedOver();
        return null;
    }

    // Null when it is lost.
    private ITransport? TakeSocket(ConnectionEndpoint endpoint)
    {
        if (endpoint.MayPoll && endpoint.Services.Pollers.Next() is { } poller)
        {
            var polled = PolledTransport.TryTake(_socket, _input.Consumed, poller, endpoint.Handler.NeverBlocks, out bool lost);
            if (polled is not null || lost)
                return polled;
        }
        return new SocketTransport(_socket, _original.Input, _context);
    }

    // The wrapper must sit directly on the socket: a transport that comes from anywhere but Kestrel's socket transport (TLS, logging)
    // changes the bytes on the way.
    private static bool CanWrap(ConnectionContext context, out Socket socket, out IConnectionHeartbeatFeature heartbeat)
    {
        socket = context.Features.Get<IConnectionSocketFeature>()?.Socket!;
        heartbeat = context.Features.Get<IConnectionHeartbeatFeature>()!;
        return socket is { ProtocolType: ProtocolType.Tcp }
            && heartbeat is not null
            && context.Transport.GetType().Assembly == typeof(SocketTransportOptions).Assembly;
    }
}
