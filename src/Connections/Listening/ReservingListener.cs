using System.Buffers;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace Realtime.Connections.Listening;

/// <summary>
/// Kestrel's own transport where this library's does not serve: who would take one of the last descriptors is answered 503 there too, as
/// Kestrel would go on until there is none and clients hang.
/// </summary>
internal sealed class ReservingListener(IConnectionListener inner, ILogger logger) : IConnectionListener
{
    private bool _isFull;

    public EndPoint EndPoint => inner.EndPoint;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await inner.AcceptAsync(cancellationToken) is { } connection)
        {
            var isRefused = IsInReserve(connection);
            if (isRefused && !_isFull)
                Log.NoDescriptors(logger, EndPoint);
            else if (!isRefused && _isFull)
                Log.Accepting(logger, EndPoint);
            _isFull = isRefused;
            if (!isRefused)
                return connection;
            await RefuseAsync(connection);
        }
        return null;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private static bool IsInReserve(ConnectionContext connection) =>
        connection.Features.Get<IConnectionSocketFeature>()?.Socket.SafeHandle is { IsInvalid: false } handle
        && DescriptorLimit.IsInReserve((int)handle.DangerousGetHandle()); // compared, not used

    // One after another: few descriptors are held by those who are refused.
    private static async Task RefuseAsync(ConnectionContext connection)
    {
        try
        {
            connection.Transport.Output.Write(PolledListener.Refusal);
            await connection.Transport.Output.FlushAsync();
            await connection.DisposeAsync();
        }
        catch (Exception)
        {
            connection.Abort(); // it has gone by itself; Kestrel does not accept again after an exception
        }
    }
}
