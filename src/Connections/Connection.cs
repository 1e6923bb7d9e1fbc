using System.Net;
using System.Security.Claims;

namespace Realtime.Connections;

/// <summary>
/// One WebSocket. All members can be used from any thread. While it is idle it holds no buffer and no timer: what is needed rarely is
/// made at its first use.
/// </summary>
public sealed partial class Connection
{
    private readonly ConnectionEndpoint _endpoint;
    private readonly long _connectedAt; // UTC ticks
    private readonly byte _windowBits; // of what is compressed for the peer; 0 for no compression
    private ClaimsPrincipal? _user;
    private Dictionary<object, object?>? _items;
    private CancellationTokenSource? _closed;

    internal Connection(ConnectionEndpoint endpoint, ITransport transport, in Peer peer)
    {
        _endpoint = endpoint;
        Transport = transport;
        Id = ConnectionId.New();
        _user = peer.User;
        UserId = peer.UserId;
        RemoteAddress = peer.RemoteAddress;
        Subprotocol = peer.Subprotocol;
        _windowBits = (byte)peer.WindowBits;
        State = peer.State;
        _connectedAt = endpoint.Services.Time.GetUtcNow().UtcTicks;
    }

    /// <summary>Unique in the process and hard to guess: 128 random bits, 22 characters of base64url.</summary>
    public string Id { get; }

    /// <summary>Who connected, as the upgrade request was authenticated.</summary>
    public ClaimsPrincipal User
    {
        get
        {
            if (_user is null)
                Interlocked.CompareExchange(ref _user, new ClaimsPrincipal(new ClaimsIdentity()), null);
            return _user;
        }
    }

    /// <summary>The user's id, or null; see <see cref="ConnectionOptions.UserId"/>.</summary>
    public string? UserId { get; }

    /// <summary>The peer's address, or the proxy's when forwarded headers are not processed.</summary>
    public EndPoint? RemoteAddress { get; }

    /// <summary>The subprotocol that was agreed, or null.</summary>
    public string? Subprotocol { get; }

    /// <summary>When the upgrade was accepted.</summary>
    public DateTimeOffset ConnectedAt => new(_connectedAt, TimeSpan.Zero);

    /// <summary>Whether it can be sent to.</summary>
    public bool IsConnected => _phase == Phase.Open;

    /// <summary>Values that belong to this connection. Made at the first use; guard it yourself when several threads use it.</summary>
    public IDictionary<object, object?> Items
    {
        get
        {
            if (_items is null)
                Interlocked.CompareExchange(ref _items, [], null);
            return _items;
        }
    }

    /// <summary>One slot for the layer above, cheaper than <see cref="Items"/>; <see cref="ConnectionOptions.State"/> can fill it from the request.</summary>
    public object? State { get; set; }

    /// <summary>Fires when the connection begins to close, from whichever side; callbacks run on the thread pool. Made at the first use.</summary>
    public CancellationToken Closed
    {
        get
        {
            if (_closed is null)
            {
                lock (Gate)
                {
                    if (_closed is null)
                    {
                        var closed = new CancellationTokenSource();
                        if (_phase != Phase.Open)
                            closed.Cancel();
                        _closed = closed;
                    }
                }
            }
            return _closed.Token;
        }
    }

    /// <summary>Why it ended or is about to; null while it is open. The peer's code and reason, or ours, whichever came first.</summary>
    public (ushort Code, string Reason)? CloseStatus
    {
        get
        {
            lock (Gate)
                return _closeReason is null ? null : (_closeCode, _closeReason);
        }
    }

    /// <summary>Messages that wait because the peer's socket is full; bound by <see cref="ConnectionOptions.QueueMessages"/>.</summary>
    public int QueuedMessages
    {
        get
        {
            lock (Gate)
                return _outbox?.Messages ?? 0;
        }
    }

    /// <summary>Bytes that wait because the peer's socket is full; bound by <see cref="ConnectionOptions.QueueBytes"/>.</summary>
    public int QueuedBytes
    {
        get
        {
            lock (Gate)
                return _outbox?.Bytes ?? 0;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"Connection {Id}";

    internal ConnectionOptions Options => _endpoint.Options;

    internal ITransport Transport { get; }

    /// <summary>The connection's lock. The transport serves as its object because nobody else can reach it.</summary>
    internal object Gate => Transport;

    internal Inbox? Inbox { get; set; }

    /// <summary>Belongs to the <see cref="Heartbeat"/>.</summary>
    internal Heartbeat.Visit Visit { get; set; }

    private ConnectionServices Services => _endpoint.Services;
}

/// <summary>What a connection keeps of its upgrade request.</summary>
internal readonly record struct Peer(ClaimsPrincipal? User, string? UserId, EndPoint? RemoteAddress, string? Subprotocol, int WindowBits, object? State);
