using Realtime.Grains;
using Realtime.WebFront.Access;

namespace Realtime.WebFront.Rooms;

/// <summary>How far a <see cref="Membership"/> is.</summary>
internal enum MembershipState : byte
{
    Joining,
    Joined,
    Leaving,
    /// <summary>It was refused, or the server has ended it.</summary>
    Ended,
}

/// <summary>One connection in one room.</summary>
/// <param name="room">The room.</param>
/// <param name="gate">What waits until the join is decided; null when it is.</param>
internal sealed class Membership(LocalRoom room, AccessGate? gate = null)
{
    private int _questions;

    public LocalRoom Room { get; } = room;

    public MembershipState State { get; set; }

    /// <summary>What its connection may do; nothing until that is decided.</summary>
    public RoomOperation Allowed { get; set; }

    /// <summary>Its connection gets what it publishes there, unless a publish says otherwise.</summary>
    public bool HasEcho { get; set; } = true;

    /// <summary>How the server has put its connection there; null when that has asked for it.</summary>
    public ServerJoin? ByServer { get; init; }

    /// <summary>A join was answered, and it is a member. Read and written under the room's lock.</summary>
    public bool IsAdmitted { get; set; }

    /// <summary>The others do not see it.</summary>
    public bool IsHidden => (Allowed & RoomOperation.Presence) == 0;

    /// <summary>Read and written under the room's lock.</summary>
    public JoinPoint JoinPoint { get; set; }

    /// <summary>What its connection has asked to know of the others.</summary>
    public PresenceMode Presence { get; set; }

    /// <summary>Its connection has asked for the room's state.</summary>
    public bool HasState { get; set; }

    /// <summary>What its connection shows of itself, as the room has it: so that another silo can be told. Read and written under the room's lock.</summary>
    public byte[]? Data { get; set; }

    /// <summary>When that was written, in Unix milliseconds.</summary>
    public long DataTime { get; set; }

    /// <summary>The server takes it out as soon as it is in. Read and written under the room's lock.</summary>
    public bool IsRevoked { get; set; }

    /// <summary>What its connection has asked for meanwhile waits, so that it keeps its order.</summary>
    public AccessGate? Gate => gate is { IsOpen: false } ? gate : null;

    /// <summary>What it may do is asked anew; the number of the question.</summary>
    public int BeginQuestion() => Interlocked.Increment(ref _questions);

    /// <summary>Nothing newer has been asked.</summary>
    public bool IsLast(int question) => Volatile.Read(ref _questions) == question;

    /// <summary>Whether its connection is in the room, or may be on its way into it.</summary>
    public bool IsIn => State is MembershipState.Joining or MembershipState.Joined;
}
