using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Realtime.Connections.Listening;

/// <summary>
/// Kestrel's transport for TCP on Linux: sockets are accepted, polled, read and written by this library from the start, so that a WebSocket
/// can leave HTTP and keep its socket. Other endpoints, and other systems, are left to the transports registered before.
/// </summary>
/// <param name="pollers">The process's pollers.</param>
/// <param name="isEnabled">Whether it is to serve at all.</param>
/// <param name="options">Settings of Kestrel's own transport, which apply here too, but for those of its queues.</param>
/// <param name="pools">Where memory comes from; null for the shared pool.</param>
/// <param name="kestrels">Kestrel's own transport for where this one does not serve, which is watched then; null when the host has put another in its place.</param>
/// <param name="logger">The transport's log.</param>
internal sealed class PolledListenerFactory(Pollers pollers, bool isEnabled, SocketTransportOptions options, IMemoryPoolFactory<byte>? pools,
    SocketTransportFactory? kestrels, ILogger logger)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private bool Serves => isEnabled && pollers.Next() is not null;

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint && (Serves || kestrels is not null);

    /// <exception cref="AddressInUseException">Something listens there already.</exception>
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        if (!Serves)
            return new ReservingListener(await kestrels!.BindAsync(endpoint, cancellationToken), logger);
        Socket socket;
        try
        {
            socket = options.CreateBoundListenSocket(endpoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(e.Message, e);
        }
        try
        {
            socket.Blocking = false; // an accept that finds nobody must not keep its thread
            socket.NoDelay = options.NoDelay; // accepted sockets have what the listening one has
            socket.Listen(options.Backlog);
            return PolledListener.Start(socket, pollers, pools?.Create() ?? MemoryPool<byte>.Shared, options.MaxWriteBufferSize, logger);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
