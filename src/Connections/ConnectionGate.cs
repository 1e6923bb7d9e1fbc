using System.Net;
using Microsoft.AspNetCore.Http;

namespace Realtime.Connections;

/// <summary>
/// Bounds the connections of an endpoint: <see cref="ConnectionOptions.Gate"/>. Who is let in is counted from <see cref="EnterAsync"/> on, before
/// the upgrade, so that many at once are no more than one after another. Every one that is let in is told as <see cref="Failed"/>, or as
/// <see cref="Opening"/> and then <see cref="Left"/>; each once, from any thread.
/// </summary>
public abstract class ConnectionGate
{
    /// <summary>Asked about each request that could be upgraded.</summary>
    /// <param name="context">The request; the headers of a refusal can be set in its response.</param>
    /// <param name="userId">What the connection's user id will be.</param>
    /// <returns>Why it is refused; null when it is let in.</returns>
    public abstract ValueTask<UpgradeRefusal?> EnterAsync(HttpContext context, string? userId);

    /// <summary>The connection is made, and is to be registered by this, so that there is no moment at which it counts twice or not at all.</summary>
    public virtual void Opening(Connection connection, ConnectionRegistry registry)
    {
        ArgumentNullException.ThrowIfNull(registry);
        registry.Register(connection);
    }

    /// <summary>There will be no connection: the upgrade did not come to its end.</summary>
    /// <param name="userId">As it was said to <see cref="EnterAsync"/>.</param>
    /// <param name="address">What the connection's address would have been.</param>
    public abstract void Failed(string? userId, EndPoint? address);

    /// <summary>The connection has ended and is registered no more.</summary>
    public abstract void Left(Connection connection);
}
