using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Realtime.Connections;

/// <summary>
/// Kestrel's transport for TCP on Linux: sockets are accepted, polled, read and written by this library from the start, so that a WebSocket
/// can leave HTTP and keep its socket. Other endpoints, and other systems, are left to the transports registered before.
/// </summary>
/// <param name="pollers">The process's pollers.</param>
/// <param name="isEnabled">Whether it is to serve at all.</param>
/// <param name="options">Settings of Kestrel's own transport, which apply here too, but for those of its queues.</param>
/// <param name="pools">Where memory comes from; null for the shared pool.</param>
/// <param name="logger">The transport's log.</param>
internal sealed class PolledListenerFactory(Pollers pollers, bool isEnabled, SocketTransportOptions options, IMemoryPoolFactory<byte>? pools, ILogger logger)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => isEnabled && endpoint is IPEndPoint && pollers.Next() is not null;

    /// <exception cref="AddressInUseException">Something listens there already.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
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
            return new(PolledListener.Start(socket, pollers, pools?.Create() ?? MemoryPool<byte>.Shared, options.MaxWriteBufferSize, logger));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
