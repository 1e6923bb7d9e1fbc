namespace Realtime.WebFront.Rooms;

/// <summary>How far a <see cref="Membership"/> is.</summary>
internal enum MembershipState : byte { Joining, Joined, Leaving }

/// <summary>One connection in one room.</summary>
internal sealed class Membership(LocalRoom room)
{
    public LocalRoom Room { get; } = room;

    public MembershipState State { get; set; }

    /// <summary>Read and written under the room's lock.</summary>
    public JoinPoint JoinPoint { get; set; }
}
