using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Realtime.Connections;

/// <summary>
/// Stands between a plain TCP connection and Kestrel's HTTP, so that the connection can be taken from HTTP after an upgrade: the
/// endpoint begins, lets the server write its 101, completes and returns; once HTTP has let go, the middleware runs the connection on
/// the bare socket, and everything that HTTP held is free.
/// </summary>
internal sealed class Handover : IDuplexPipe
{
    private readonly ConnectionContext _context;
    private readonly IDuplexPipe _original;
    private readonly Socket _socket;
    private readonly HandoverReader _input;
    private readonly HandoverWriter _output;
    private readonly HandoverHeartbeat _heartbeat;
    private SocketTransport? _transport;
    private Connection? _taken;
    private ConnectionServices? _services;

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
        if (await ServeHttpAsync(context, http, socket, heartbeat) is var (connection, services))
        {
            try
            {
                await connection.RunAsync();
            }
            finally
            {
                services.UncountHandedOver();
            }
        }
    }

    /// <summary>
    /// The request's hand-over, if its connection can be taken: HTTP talks to the wrapper and not, say, to TLS in between; and nothing
    /// was written before, of which nobody can tell whether Kestrel has sent it yet.
    /// </summary>
    public static Handover? Of(HttpContext context) =>
        context.Features.Get<IConnectionTransportFeature>()?.Transport is Handover { _output.WasUsed: false } handover ? handover : null;

    /// <summary>An endpoint wants the connection: from now on the response is written to the socket itself, past Kestrel's buffers.</summary>
    public void Begin()
    {
        _transport = new SocketTransport(_socket, _original.Input, _context);
        _output.Capture(_transport);
    }

    /// <summary>The endpoint does not want it after all; nothing has been written.</summary>
    public void Cancel() => _output.PassThrough();

    /// <summary>The 101 has left; HTTP has nothing more to say.</summary>
    public void Complete(Func<ITransport, Connection> connect, ConnectionServices services)
    {
        _taken = connect(_transport!);
        _services = services;
        _input.Detach();
        _output.Detach();
        _heartbeat.Detach();
    }

    private static async Task<(Connection, ConnectionServices)?> ServeHttpAsync(ConnectionContext context, ConnectionDelegate http, Socket socket, IConnectionHeartbeatFeature heartbeat)
    {
        var handover = new Handover(context, socket, heartbeat);
        try
        {
            await http(context);
        }
        catch (Exception) when (handover._taken is not null)
        {
            // Whatever HTTP found at the end, the connection is no longer its.
        }
        context.Transport = handover._original;
        return handover._taken is null ? null : (handover._taken, handover._services!);
    }

    // The wrapper must sit directly on the socket: a transport that comes from anywhere but Kestrel's socket transport (TLS, logging)
    // changes the bytes on the way.
    private static bool CanWrap(ConnectionContext context, out Socket socket, out IConnectionHeartbeatFeature heartbeat)
    {
        socket = context.Features.Get<IConnectionSocketFeature>()?.Socket!;
        heartbeat = context.Features.Get<IConnectionHeartbeatFeature>()!;
        return socket is { ProtocolType: ProtocolType.Tcp }
            && heartbeat is not null
            && context.Transport.GetType().Assembly.GetName().Name == "Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets";
    }
}
