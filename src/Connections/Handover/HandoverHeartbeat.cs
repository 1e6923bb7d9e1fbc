using Microsoft.AspNetCore.Connections.Features;

namespace Realtime.Connections;

/// <summary>
/// Passes the server's heartbeat on to HTTP. The server keeps what is registered with it as long as the connection lives, so HTTP's
/// connection object is registered here, where it can be let go, and with it the timeouts that are not meant for WebSockets.
/// </summary>
internal sealed class HandoverHeartbeat(IConnectionHeartbeatFeature inner) : IConnectionHeartbeatFeature
{
    private Registration? _first;

    public void OnHeartbeat(Action<object> action, object state)
    {
        if (_first is null)
            inner.OnHeartbeat(static shim => ((HandoverHeartbeat)shim).Tick(), this);
        _first = new(action, state, _first);
    }

    public void Detach() => _first = null;

    private void Tick()
    {
        for (var registration = _first; registration is not null; registration = registration.Next)
            registration.Action(registration.State);
    }

    private sealed record Registration(Action<object> Action, object State, Registration? Next);
}
