namespace Realtime.Connections;

/// <summary>Every close code that this library sends or reports, and what a client should do about it.</summary>
/// <remarks>1000 to 2999 are defined by RFC 6455 section 7.4.1; 4000 to 4999 are for applications (section 7.4.2).</remarks>
public static class CloseCodes
{
    /// <summary>Done; do not reconnect.</summary>
    public const ushort Normal = 1000;

    /// <summary>
    /// The server shuts down, or a browser leaves the page; reconnect, elsewhere. A server's reason ends with <c>retry after N ms</c>:
    /// wait so long first.
    /// </summary>
    public const ushort GoingAway = 1001;

    /// <summary>The peer broke RFC 6455; reconnecting does not help.</summary>
    public const ushort ProtocolError = 1002;

    /// <summary>Binary came where text was due, or the other way round.</summary>
    public const ushort UnsupportedData = 1003;

    /// <summary>Never sent: reported when the peer closed without a code.</summary>
    public const ushort NoStatus = 1005;

    /// <summary>Never sent: reported when the connection ended without a close frame.</summary>
    public const ushort Abnormal = 1006;

    /// <summary>A text message was not UTF-8, or compressed data could not be inflated.</summary>
    public const ushort InvalidData = 1007;

    /// <summary>A rule of the application was broken.</summary>
    public const ushort PolicyViolation = 1008;

    /// <summary>A message was larger than <see cref="ConnectionOptions.MaxMessageSize"/>.</summary>
    public const ushort MessageTooBig = 1009;

    /// <summary>The server's handler failed; reconnect with back-off.</summary>
    public const ushort InternalError = 1011;

    /// <summary>The server cannot take this now; reconnect after a while.</summary>
    public const ushort TryAgainLater = 1013;

    /// <summary>The peer read too slowly and its queue was full; reconnect and resume.</summary>
    public const ushort SlowConsumer = 4000;

    /// <summary>The user has opened more connections than allowed, and this was the oldest; do not reconnect by itself.</summary>
    public const ushort Replaced = 4001;

    /// <summary>The application removed the user; do not reconnect.</summary>
    public const ushort Kicked = 4002;

    /// <summary>The token of the connection expired; get a new one and reconnect.</summary>
    public const ushort TokenExpired = 4003;

    /// <summary>Nothing, not even a pong, came within <see cref="ConnectionOptions.ReadTimeout"/>; reconnect.</summary>
    public const ushort ReadTimeout = 4004;

    /// <summary>A write made no progress within <see cref="ConnectionOptions.WriteTimeout"/>. The peer is not reading, so it is cut and only this side sees the code.</summary>
    public const ushort WriteTimeout = 4005;

    /// <summary>The client went on beyond its limits, or made too many mistakes; reconnect with back-off, and send less.</summary>
    public const ushort RateLimited = 4006;

    /// <summary>Whether a close frame may carry the code (RFC 6455 section 7.4, with the IANA registrations 1012 to 1014).</summary>
    public static bool MayBeSent(int code) => code is (>= 1000 and <= 1003) or (>= 1007 and <= 1014) or (>= 3000 and <= 4999);

    /// <summary>Whether the code has a meaning here: those that the protocol registers, and this library's own.</summary>
    internal static bool IsKnown(int code) => code is (>= 1000 and <= 1003) or (>= 1005 and <= 1014) or (>= SlowConsumer and <= RateLimited);
}
