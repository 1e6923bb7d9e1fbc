using Realtime.WebFront.Access;

namespace Realtime.WebFront.Rooms;

/// <summary>How far a <see cref="Membership"/> is.</summary>
internal enum MembershipState : byte
{
    Joining,
    Joined,
    Leaving,
    /// <summary>It was refused: never a member.</summary>
    Refused,
}

/// <summary>One connection in one room.</summary>
/// <param name="room">The room.</param>
/// <param name="gate">What waits until the join is decided; null when it is.</param>
internal sealed class Membership(LocalRoom room, AccessGate? gate = null)
{
    public LocalRoom Room { get; } = room;

    public MembershipState State { get; set; }

    /// <summary>What its connection may do; nothing until that is decided.</summary>
    public RoomOperation Allowed { get; set; }

    /// <summary>Read and written under the room's lock.</summary>
    public JoinPoint JoinPoint { get; set; }

    /// <summary>What its connection has asked for meanwhile waits, so that it keeps its order.</summary>
    public AccessGate? Gate => gate is { IsOpen: false } ? gate : null;

    /// <summary>Whether its connection is in the room, or may be on its way into it.</summary>
    public bool IsIn => State is MembershipState.Joining or MembershipState.Joined;
}
