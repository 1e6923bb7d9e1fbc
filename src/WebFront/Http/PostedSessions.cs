using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Http;

/// <summary>The sessions without a WebSocket that this front has.</summary>
internal sealed class PostedSessions(ConnectionRegistry registry)
{
    public SessionPostResult Post(SessionPost post)
    {
        // One that closes takes nothing more, whatever its input still takes: what is answered with 204 is received.
        if (registry.Get(post.Connection) is not { IsConnected: true, State: Session { Posted: { } posted } } connection || connection.UserId != post.User || !posted.IsOf(post.Secret))
            return SessionPostResult.NotFound;
        return posted.Input.Post(post.Number, post.Frames) switch
        {
            PostOutcome.Taken or PostOutcome.Repeated => SessionPostResult.Taken,
            PostOutcome.Missing => SessionPostResult.Missing,
            PostOutcome.Full => SessionPostResult.Full,
            _ => SessionPostResult.NotFound,
        };
    }
}
