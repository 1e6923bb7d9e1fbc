using Microsoft.AspNetCore.Authorization;

namespace Realtime.WebFront.Access;

/// <summary>
/// What the front asks authorization for, with a <see cref="RoomResource"/>. An application decides by an
/// <c>AuthorizationHandler&lt;RoomRequirement, RoomResource&gt;</c> among its services, which may be scoped: the questions of one join share
/// a scope. As everywhere in ASP.NET Core, one handler that succeeds is enough, and one that fails forbids whatever the others say.
/// </summary>
/// <param name="operation">One operation.</param>
public sealed class RoomRequirement(RoomOperation operation) : IAuthorizationRequirement
{
    /// <summary>What the client asks to do.</summary>
    public RoomOperation Operation { get; } = operation;

    /// <inheritdoc/>
    public override string ToString() => $"{nameof(RoomRequirement)}: {Operation}";
}

/// <summary>What a <see cref="RoomRequirement"/> is about. Who asks is the context's user.</summary>
public sealed record RoomResource
{
    /// <summary>The room, whether or not anybody is in it; null for <see cref="RoomOperation.Direct"/>.</summary>
    public string? Room { get; init; }

    /// <summary>The user that a message is for, with <see cref="RoomOperation.Direct"/>; else null.</summary>
    public string? ToUser { get; init; }

    /// <summary>The operation of the requirement, for policies.</summary>
    public required RoomOperation Operation { get; init; }

    /// <summary>The id of the connection that asks.</summary>
    public required string ConnectionId { get; init; }

    /// <summary>Cancelled after <see cref="AccessOptions.AccessTimeout"/>, when the answer is of no use any more.</summary>
    public CancellationToken CancellationToken { get; init; }

    /// <summary>Who asks, as the built-in ways know it; null when the application has made the resource.</summary>
    internal AccessSubject? Subject { get; init; }

    /// <summary>A rule's policy is being asked: its own rule is not asked again.</summary>
    internal bool IsForPolicy { get; init; }
}
