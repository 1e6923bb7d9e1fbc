namespace Realtime.WebFront.Security;

/// <summary>The authorization policies that the front's endpoints ask for. A user can define them anew under the same names.</summary>
/// <remarks>
/// Those of the HTTP API want a scope each, one of the space-separated words of the claim <c>scope</c> (RFC 8693 section 4.2); in
/// Development also everybody on this machine who sends no token that is wrong.
/// </remarks>
public static class RealtimePolicies
{
    /// <summary>For <c>/ws</c>: an authenticated user whose name is a valid user id (<see cref="Realtime.Grains.Names"/>).</summary>
    public const string Client = "RealtimeClient";

    /// <summary>To send messages to rooms, users and everybody: the scope <see cref="PublishScope"/>.</summary>
    public const string Publish = "RealtimePublish";

    /// <summary>To read what there is, the metrics and the API's description too: the scope <see cref="ReadScope"/>.</summary>
    public const string Read = "RealtimeRead";

    /// <summary>To disconnect and remove, and to have access asked anew: the scope <see cref="AdminScope"/>.</summary>
    public const string Admin = "RealtimeAdmin";

    /// <summary>Of <see cref="Publish"/>.</summary>
    public const string PublishScope = "realtime.publish";

    /// <summary>Of <see cref="Read"/>.</summary>
    public const string ReadScope = "realtime.read";

    /// <summary>Of <see cref="Admin"/>; it includes the others.</summary>
    public const string AdminScope = "realtime.admin";

    /// <summary>The one policy of the whole API, until there were several.</summary>
    internal const string Former = "RealtimeApi";

    /// <summary>All that there are.</summary>
    internal static readonly string[] All = [Client, Publish, Read, Admin];

    /// <summary>The scope that a policy wants; null for one that wants none.</summary>
    internal static string? ScopeOf(string? policy) => policy switch
    {
        Publish => PublishScope,
        Read => ReadScope,
        Admin => AdminScope,
        _ => null,
    };
}
