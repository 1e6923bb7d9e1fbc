using System.Security.Claims;

namespace Realtime.WebFront.Access;

/// <summary>Who asks: the principal of a connection, and what has been read from it. A new token of the connection makes a new one.</summary>
internal sealed class AccessSubject(ClaimsPrincipal principal, string user)
{
    private volatile Capabilities? _rooms, _users;

    public ClaimsPrincipal Principal { get; } = principal;

    /// <summary>The user's id.</summary>
    public string User { get; } = user;

    /// <summary>What the principal's claim says, read once.</summary>
    public Capabilities Of(bool users, ILogger logger) => users
        ? _users ??= Capabilities.Read(Principal, Capabilities.UsersClaim, logger)
        : _rooms ??= Capabilities.Read(Principal, Capabilities.RoomsClaim, logger);
}
