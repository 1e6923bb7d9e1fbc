using System.Globalization;

namespace Realtime.Client.Connecting;

/// <summary>Where sessions without a WebSocket are: beside the address of WebSockets, where that is one of a server of ours.</summary>
internal sealed class SessionAddress
{
    private const string WebSockets = "/ws", Sessions = "/api/session";

    private readonly UriBuilder _address;

    private SessionAddress(UriBuilder address)
    {
        _address = address;
        Events = PostsTo("events");
    }

    /// <summary>The way down.</summary>
    public Uri Events { get; }

    /// <param name="address">Of WebSockets.</param>
    /// <returns>Null where it is not known.</returns>
    public static SessionAddress? Of(Uri address)
    {
        if (!address.AbsolutePath.EndsWith(WebSockets, StringComparison.Ordinal))
            return null;
        var sessions = new UriBuilder(address) { Scheme = address.Scheme == "wss" ? "https" : "http" };
        sessions.Path = address.AbsolutePath[..^WebSockets.Length] + Sessions;
        if (address.IsDefaultPort)
            sessions.Port = -1;
        return new(sessions);
    }

    /// <summary>The way up of a session, without a number.</summary>
    public Uri PostsTo(string session) => new UriBuilder(_address.Uri) { Path = $"{_address.Path}/{session}" }.Uri;

    public static Uri Numbered(Uri post, long number) => new($"{post.AbsoluteUri}{(post.Query.Length > 1 ? "&" : "?")}number={number.ToString(CultureInfo.InvariantCulture)}");
}
