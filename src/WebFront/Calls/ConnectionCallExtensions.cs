using System.Text;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Calls;

/// <summary>Calls a method of one client.</summary>
public static class ConnectionCallExtensions
{
    /// <summary>Calls a method of the client and returns its result as JSON text; null when it has no data.</summary>
    /// <param name="connection">One of this front that speaks the protocol. <see cref="IUserGrain.Call"/> is for those of a user, wherever they are.</param>
    /// <param name="method">A name by the rule of <see cref="Names"/>.</param>
    /// <param name="data">JSON text of at most <c>Rooms:MaxContentBytes</c> bytes; null for none.</param>
    /// <param name="timeout">How long to wait: 100 ms to <see cref="Limits.CallTime"/>, 10 s by default.</param>
    /// <param name="cancellationToken">Ends the wait; the client is not told.</param>
    /// <exception cref="CallException">The client refused, failed or is gone, or did not answer in time.</exception>
    /// <exception cref="ArgumentException">An argument is not allowed.</exception>
    /// <exception cref="InvalidOperationException">The connection does not speak the protocol.</exception>
    public static async Task<string?> CallAsync(
        this Connection connection, string method, string? data = null, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        if (connection.State is not Session session)
            throw new InvalidOperationException("Only a connection that speaks the protocol, at /ws, can be called.");
        return await session.CallsOf.Call(session, method, data, timeout, cancellationToken) is { } result ? Encoding.UTF8.GetString(result) : null;
    }
}
