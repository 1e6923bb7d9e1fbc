using System.Collections.Frozen;
using System.Net;

namespace Realtime.WebFront.Security;

/// <summary>Tells whether a request comes from a program on this machine, straight to this process.</summary>
internal static class LocalRequest
{
    // What proxies add, and what the forwarded headers middleware leaves behind when it has taken an address from them.
    private static readonly string[] s_proxyPrefixes = ["X-Forwarded-", "X-Original-", "X-Envoy-", "X-Azure-", "X-Amzn-", "X-Amz-Cf-", "CF-"];
    private static readonly FrozenSet<string> s_proxyHeaders =
        FrozenSet.Create(StringComparer.OrdinalIgnoreCase, "Forwarded", "Via", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-ProxyUser-Ip", "True-Client-IP", "Fastly-Client-IP", "CDN-Loop");

    /// <summary>
    /// The peer is a loopback address, no proxy has a hand in it, and the address asked for is one of this machine: a page
    /// elsewhere whose name was pointed at 127.0.0.1 (DNS rebinding) has its own name there.
    /// </summary>
    public static bool IsLocal(HttpRequest request) =>
        request.HttpContext.Connection.RemoteIpAddress is { } peer
        && IsLoopback(peer)
        && IsLoopback(request.Host.Host)
        && !HttpProtocol.IsHttp10(request.Protocol) // a proxy by its defaults, which may add nothing else; programs speak 1.1
        && !HasPassedProxy(request.Headers);

    /// <summary>No page of another site sent it: it has no <c>Origin</c>, or one on this machine.</summary>
    public static bool IsFromLocalPage(HttpRequest request) =>
        request.Headers.Origin is var origin
        && (origin.Count == 0 || (origin.Count == 1 && Uri.TryCreate(origin[0], UriKind.Absolute, out var uri) && IsLoopback(uri.Host)));

    private static bool IsLoopback(IPAddress address) =>
        IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);

    // RFC 6761 section 6.3: localhost and every name below it.
    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var address) && IsLoopback(address));

    // Looked at for each connection: the headers themselves, since the server makes a set of their names for whoever asks for Keys.
    private static bool HasPassedProxy(IHeaderDictionary headers)
    {
        foreach (var (name, _) in headers)
        {
            if (IsOfProxy(name))
                return true;
        }
        return false;
    }

    private static bool IsOfProxy(string header)
    {
        foreach (var prefix in s_proxyPrefixes)
        {
            if (header.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
                return true;
        }
        return s_proxyHeaders.Contains(header);
    }
}
