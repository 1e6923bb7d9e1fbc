using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Realtime.Silo.Redis;

/// <summary>Connection strings of Redis: <c>host:6379,user=..,password=..</c></summary>
internal static class RedisAddress
{
    /// <summary>Whether the text is a connection string with a host.</summary>
    public static bool IsValid(string connectionString)
    {
        var parts = connectionString.Split(',', StringSplitOptions.TrimEntries);
        // An address behind an option is the rest of a password with a comma, more likely than not; as an address it would
        // be shown.
        var addresses = parts.TakeWhile(part => part.Length > 0 && !part.Contains('=')).ToArray();
        if (addresses.Length == 0 || !addresses.All(HasPort) || parts.Skip(addresses.Length).Any(part => part.Length > 0 && !part.Contains('=')))
            return false;
        try
        {
            return ConfigurationOptions.Parse(connectionString) is not null;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException)
        {
            return false; // and its message is not shown: it can repeat parts of a password
        }
    }

    /// <summary>What stands behind the colon is a port; the client would leave such an address out.</summary>
    private static bool HasPort(string address)
    {
        var colon = address.LastIndexOf(':');
        var isName = colon < 0 || address.EndsWith(']') || Uri.CheckHostName(address) == UriHostNameType.IPv6;
        return isName || (colon > 0 && ushort.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0);
    }

    /// <summary>Which server it is: <c>Redis at db:6379, database 0, user realtime</c>.</summary>
    public static string Name(string connectionString)
    {
        var options = ConfigurationOptions.Parse(connectionString);
        var endPoints = string.Join(" and ", EndPoints(options).Select(Text));
        return $"Redis at {endPoints}, database {options.DefaultDatabase ?? 0}, user {options.User ?? "default"}";
    }

    /// <summary>The addresses, with their ports.</summary>
    public static IEnumerable<EndPoint> EndPoints(ConfigurationOptions options)
    {
        var usualPort = options.Ssl ? 6380 : 6379;
        return options.EndPoints.Select(endPoint => endPoint switch
        {
            DnsEndPoint { Port: 0 } dns => new DnsEndPoint(dns.Host, usualPort),
            IPEndPoint { Port: 0 } ip => new IPEndPoint(ip.Address, usualPort),
            _ => endPoint,
        });
    }

    private static string Text(EndPoint endPoint) => endPoint is DnsEndPoint dns ? $"{dns.Host}:{dns.Port}" : $"{endPoint}";
}
