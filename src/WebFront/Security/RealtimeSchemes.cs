namespace Realtime.WebFront.Security;

/// <summary>The authentication schemes that <see cref="RealtimeSecurityExtensions.AddRealtimeSecurity"/> registers.</summary>
public static class RealtimeSchemes
{
    /// <summary>What the policies ask unless the host has named a default scheme of its own: passes each request on to <see cref="Development"/> or <see cref="Bearer"/>.</summary>
    public const string Realtime = "Realtime";

    /// <summary>JSON Web Tokens (RFC 6750, RFC 7519), configured by <see cref="BearerOptions"/>.</summary>
    public const string Bearer = "Bearer";

    /// <summary><c>?user=alice</c>, from this machine. Exists in the Development environment only.</summary>
    public const string Development = "Development";
}
