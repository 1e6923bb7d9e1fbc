using System.Reflection;
using Realtime.Connections;

namespace Realtime.WebFront.Calls;

/// <summary>The call that a method answers: a parameter of it, beside its data and services.</summary>
public sealed class RealtimeCall
{
    internal RealtimeCall(string method, Connection connection, string user) => (Method, Connection, User) = (method, connection, user);

    /// <summary>The method's name.</summary>
    public string Method { get; }

    /// <summary>Who calls; see <see cref="ConnectionCallExtensions.CallAsync"/> for the way back.</summary>
    public Connection Connection { get; }

    /// <summary>The id of the connection's user.</summary>
    public string User { get; }

    /// <summary>For the binding of parameters.</summary>
    /// <exception cref="InvalidOperationException">The request is not a call.</exception>
    public static ValueTask<RealtimeCall?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new(context.Features.Get<RealtimeCall>() ?? throw new InvalidOperationException($"A {nameof(RealtimeCall)} is a parameter of methods that MapRealtimeCall maps."));
    }
}
