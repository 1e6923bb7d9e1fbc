using Microsoft.AspNetCore.Authorization;
using Realtime.WebFront.Access;

namespace Realtime.Teams;

/// <summary>Lets the members of a team, and nobody else, do anything in its room. Asked at a join, and again by <c>Reauthorize</c>.</summary>
internal sealed class TeamRooms(TeamStore store) : AuthorizationHandler<RoomRequirement, RoomResource>
{
    private const string Prefix = "team-";

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoomRequirement requirement, RoomResource resource)
    {
        if (resource.Room is { } room && room.StartsWith(Prefix, StringComparison.Ordinal) && store.IsMember(room[Prefix.Length..], context.User.Identity!.Name!))
            context.Succeed(requirement);
        return Task.CompletedTask;
    }
}
