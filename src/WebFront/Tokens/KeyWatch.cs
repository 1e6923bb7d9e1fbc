using Realtime.Connections;
using Realtime.PushStreams;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tokens;

/// <summary>Closes connections whose token was verified with a key that counts no more (close code 4003).</summary>
/// <param name="registry">Where they are.</param>
/// <param name="keys">Made when the first connection with a token comes: where an application's own scheme serves there are none.</param>
/// <param name="logger">For what cannot be closed.</param>
internal sealed partial class KeyWatch(ConnectionRegistry registry, Func<SigningKeys> keys, ILogger<KeyWatch> logger)
{
    private readonly Lock _subscribing = new();
    private volatile SigningKeys? _keys;

    /// <summary>Looks at a connection that is new, or has a new token: its key may have gone while the token was verified.</summary>
    public void Check(Connection connection)
    {
        if (VerifiedToken.Of(Session.PrincipalOf(connection)) is { } token && !Keys().IsAccepted(token.Key))
            SafeClose.Close(connection, CloseCodes.TokenExpired, "the key of the token counts no more", LogCloseFailed);
    }

    private SigningKeys Keys()
    {
        if (_keys is { } known)
            return known;
        lock (_subscribing)
        {
            if (_keys is null)
            {
                var made = keys();
                made.KeysGone += CloseAll;
                _keys = made;
            }
            return _keys;
        }
    }

    private void CloseAll()
    {
        foreach (var connection in registry.Connections)
            Check(connection);
    }

    [LoggerMessage(1, LogLevel.Error, "Connection {Connection}, whose token's key has gone, could not be closed; it is cut.")]
    private partial void LogCloseFailed(string connection, Exception exception);
}
