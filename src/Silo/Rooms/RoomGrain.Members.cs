namespace Realtime.Silo.Rooms;

/// <summary>Who is in the room.</summary>
internal sealed partial class RoomGrain
{
    public Task<MembersPage> Members(string? after, int limit) => Page(after, limit, asTold: false);

    public Task<MembersPage> MembersAsTold(string? after, int limit) => Page(after, limit, asTold: true);

    private Task<MembersPage> Page(string? after, int limit, bool asTold)
    {
        if (limit is < 1 or > Limits.PageSize)
            throw new ArgumentOutOfRangeException(nameof(limit), limit, $"limit is {limit}; it must be 1 to {Limits.PageSize}.");
        Names.CheckCursor(after);
        CheckIsRoom();
        DeactivateIfUnused();
        return Task.FromResult(_room.Page(after, limit, asTold));
    }
}
