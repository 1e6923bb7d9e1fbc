using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http;
using Realtime.Settings;

namespace Realtime.Connections;

/// <summary>What happens when a message is to be delivered to a connection whose outbound queue is full.</summary>
public enum SlowConsumerPolicy
{
    /// <summary>Its queue is dropped and it is closed with <see cref="CloseCodes.SlowConsumer"/>, so that it can reconnect and resume.</summary>
    Disconnect,

    /// <summary>The oldest messages that have not begun to be written are dropped.</summary>
    DropOldest,
}

/// <summary>
/// Settings of connections. The configuration section <see cref="Section"/> sets the defaults of the process, each endpoint can change
/// its own. All are checked at start. Timeouts are kept by one timer that ticks once a second, so they are kept to about a second.
/// </summary>
public sealed class ConnectionOptions : ISettings
{
    /// <summary>The configuration section that is bound: <c>Connections</c>.</summary>
    public const string Section = "Connections";

    /// <summary>Bytes asked for at once on the portable transport (TLS, HTTP/2): 256 to 1,048,576. No connection holds a buffer while it is idle.</summary>
    [Range(256, 1024 * 1024)]
    public int ReadBufferSize { get; set; } = 4096;

    /// <summary>Most bytes that one write of the pump joins: 1,024 to 1,048,576.</summary>
    [Range(1024, 1024 * 1024)]
    public int WriteBufferSize { get; set; } = 64 * 1024;

    /// <summary>Largest message that is received, in bytes, after inflating: 1 to 1,073,741,824. A larger one closes with <see cref="CloseCodes.MessageTooBig"/>.</summary>
    [Range(1, 1024 * 1024 * 1024)]
    public int MaxMessageSize { get; set; } = 1024 * 1024;

    /// <summary>
    /// Control frames (pings, pongs) and fragments that are read of a peer in a second: up to 1,000,000, or 0 for no bound. Beyond it nothing
    /// is read from the peer for a second.
    /// </summary>
    [Range(0, 1_000_000)]
    public int MaxControlFrames { get; set; } = 1000;

    /// <summary>How long the answer to an upgrade request may take to leave: 1 second to 1 hour.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>A peer from which nothing came for so long, not even a pong, is closed with <see cref="CloseCodes.ReadTimeout"/>: 1 second to 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan ReadTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long a message may take from its first byte to its last, fragments and all: 1 second to 1 hour. A peer that takes longer is closed
    /// with <see cref="CloseCodes.PolicyViolation"/>, since what has come of a message is held meanwhile.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan PartialMessageTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A peer that takes nothing of a write for so long is cut with <see cref="CloseCodes.WriteTimeout"/>: 1 second to 1 day. Over HTTP/2, and
    /// on other systems than Linux, nobody tells what it has taken: there it has to take <see cref="WriteBufferSize"/>.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How often a ping is sent: 1 second to 1 day and shorter than <see cref="ReadTimeout"/>, or 0 for none. A connection's first comes up
    /// to a quarter earlier, so that those of connections made at once spread.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan PingInterval { get; set; } = TimeSpan.FromSeconds(54);

    /// <summary>How long the close handshake, with what is queued before it, may take before the connection is cut: 1 second to 1 hour.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan CloseTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Over how long the process's connections are closed when the host stops, a millisecond each at most: 0, for all at once, to 10
    /// minutes. An endpoint cannot change it. The host waits so long and <see cref="CloseTimeout"/> more, if its own ShutdownTimeout
    /// (30 seconds unless it is set) allows; when that has passed the rest is closed at once.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan DrainTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Most messages that wait for one peer: 1 to 1,000,000. A frame is taken as long as fewer wait, so one that joins several messages
    /// may go over it.
    /// </summary>
    [Range(1, 1_000_000)]
    public int QueueMessages { get; set; } = 256;

    /// <summary>Most bytes that wait for one peer: 1,024 to 1,073,741,824. The last frame taken may go over it.</summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int QueueBytes { get; set; } = 1024 * 1024;

    /// <summary>Most received messages that wait for <see cref="Connection.ReceiveAsync"/>: 1 to 100,000. While it is full nothing more is read from the peer.</summary>
    [Range(1, 100_000)]
    public int ReceiveQueue { get; set; } = 64;

    /// <summary>
    /// Most bytes of received messages, after inflating, that wait for <see cref="Connection.ReceiveAsync"/>, one that has come in part
    /// among them: 1,024 to 1,073,741,824. While there is no room for what comes next nothing more is read from the peer; a message of up
    /// to <see cref="MaxMessageSize"/> is taken when none waits.
    /// </summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int ReceiveQueueBytes { get; set; } = 1024 * 1024;

    /// <summary>What happens when <see cref="Connection.Deliver"/> meets a full queue.</summary>
    public SlowConsumerPolicy SlowConsumer { get; set; }

    /// <summary>
    /// Origins allowed besides the server's own, as browsers write them: <c>https://example.com</c>. Requests without an Origin header do
    /// not come from a browser and are allowed.
    /// </summary>
    public IList<string> AllowedOrigins { get; set; } = [];

    /// <summary>Whether any origin is allowed. Then any page that a user visits can connect with the user's cookies.</summary>
    public bool AllowAnyOrigin { get; set; }

    /// <summary>Decides about the origin in place of the rules above; false refuses with 403.</summary>
    public Func<HttpContext, bool>? CheckOrigin { get; set; }

    /// <summary>
    /// Subprotocols that the server speaks, the preferred one first; the first that the client also offers is chosen. If none fits, the
    /// connection is made without one (RFC 6455 section 4.2.2), unless <see cref="RequireSubprotocol"/> is set.
    /// </summary>
    public IList<string> Subprotocols { get; set; } = [];

    /// <summary>Whether a client that offers none of <see cref="Subprotocols"/> is refused with 400.</summary>
    public bool RequireSubprotocol { get; set; }

    /// <summary>
    /// Whether permessage-deflate (RFC 7692) is agreed with clients that offer it. No context is kept between messages, so that a message
    /// to many is compressed once; messages below 256 bytes are sent as they are.
    /// </summary>
    public bool EnableCompression { get; set; }

    /// <summary>
    /// Whether this library's transport carries the server's TCP endpoints, on Linux, in place of Kestrel's own, so that plain WebSockets
    /// leave HTTP after the upgrade and hold nothing of it. They do not leave if Kestrel's MaxConcurrentConnections is set, which could
    /// not count them, or at an endpoint that switches this off for itself. The server's metrics and logs see a connection that
    /// leaves end at the upgrade.
    /// </summary>
    public bool EnablePolling { get; set; } = true;

    /// <summary>Headers added to the answer of an accepted upgrade.</summary>
    public IDictionary<string, string> ResponseHeaders { get; set; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Writes the response of a refused upgrade; its status is set already. By default the reason as plain text.</summary>
    public Func<HttpContext, UpgradeRefusal, Task>? OnUpgradeRefused { get; set; }

    /// <summary>For <see cref="Upgrader.StreamAsync"/>: what the events of its streams look like. An upgrader that has one makes no WebSockets.</summary>
    public EventFormat? Events { get; set; }

    /// <summary>Bounds how many connections there are; none by default.</summary>
    public ConnectionGate? Gate { get; set; }

    /// <summary>The user id of a connection. By default the name of the request's identity, else its <c>sub</c> claim, if it is authenticated.</summary>
    public Func<HttpContext, string?>? UserId { get; set; }

    /// <summary>
    /// What a connection keeps of its upgrade request, as its <see cref="Connection.State"/>: a route value, a header. Take only what is
    /// needed: the request itself is not to be used after the upgrade.
    /// </summary>
    public Func<HttpContext, object?>? State { get; set; }

    internal static readonly SettingsSection Settings = new(Section, typeof(ConnectionOptions));

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        if (PingInterval > TimeSpan.Zero && PingInterval < TimeSpan.FromSeconds(1))
            yield return new(nameof(PingInterval), $"is {PingInterval}; it must be 00:00:00, for no pings, or from 00:00:01 to 1.00:00:00.");
        if (PingInterval >= ReadTimeout)
            yield return new(nameof(PingInterval), $"is {PingInterval}; it must be shorter than {nameof(ReadTimeout)} ({ReadTimeout}), so that a pong can come in time.");
        foreach (var (index, origin) in AllowedOrigins.Index())
            if (!Origin.TryParse(origin, out _))
                yield return new($"{nameof(AllowedOrigins)}:{index}", $"is '{origin}'; it must be a scheme, a host and, if it is not the default one, a port: https://example.com.");
        foreach (var (index, subprotocol) in Subprotocols.Index())
            if (!HeaderText.IsToken(subprotocol))
                yield return new($"{nameof(Subprotocols)}:{index}", $"is '{subprotocol}'; it must be a token (RFC 6455 section 4.1): letters, digits and !#$%&'*+-.^_`|~.");
        foreach (var (header, value) in ResponseHeaders)
            if (!HeaderText.IsToken(header) || !HeaderText.IsValue(value))
                yield return new($"{nameof(ResponseHeaders)}:{header}", $"is '{value}'; the name must be a token, and the value may have no control characters.");
    }

    internal ConnectionOptions Copy()
    {
        var copy = (ConnectionOptions)MemberwiseClone();
        copy.AllowedOrigins = [.. AllowedOrigins];
        copy.Subprotocols = [.. Subprotocols];
        copy.ResponseHeaders = new Dictionary<string, string>(ResponseHeaders, StringComparer.OrdinalIgnoreCase);
        return copy;
    }
}

/// <summary>Why an upgrade was refused.</summary>
/// <param name="Status">The HTTP status of the response.</param>
/// <param name="Reason">What was wrong and what is allowed.</param>
public readonly record struct UpgradeRefusal(int Status, string Reason);
