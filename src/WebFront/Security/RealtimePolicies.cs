namespace Realtime.WebFront.Security;

/// <summary>The authorization policies that the front's endpoints ask for. A user can define them anew under the same names.</summary>
public static class RealtimePolicies
{
    /// <summary>For <c>/ws</c>: an authenticated user whose name is a valid user id (<see cref="Realtime.Grains.Names"/>).</summary>
    public const string Client = "RealtimeClient";

    /// <summary>
    /// For <c>/api</c>: a principal with the scope <see cref="ApiScope"/>; in Development also everybody on this machine
    /// who sends no token that is wrong.
    /// </summary>
    public const string Api = "RealtimeApi";

    internal static readonly string[] All = [Client, Api];

    /// <summary>One of the space-separated words of the claim <c>scope</c> (RFC 8693 section 4.2).</summary>
    public const string ApiScope = "realtime.api";
}
