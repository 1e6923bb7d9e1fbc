namespace Realtime.Silo.Hooks;

/// <summary>
/// Code of the application that rooms ask and tell, in the silo's process. Implement what is needed; the rest does nothing.
/// Registered by <see cref="RoomHookExtensions.AddRoomHook{T}"/>.
/// </summary>
/// <remarks>
/// One instance serves all rooms of a silo: calls for different rooms come at the same time. What is told comes after the fact, for each room in
/// the room's order and one at a time, and delays nobody. A hook that throws or takes longer than its time is logged and counted, and the room goes
/// on; one that has not ended by then may still run when the next call comes, and counts for <see cref="HookOptions.MaxRunning"/> until it ends.
/// </remarks>
public interface IRoomHook
{
    /// <summary>
    /// A message is about to be kept, or an ephemeral one to be sent, whoever sends it: a client, the HTTP API or a grain's caller. It is not asked about a repeat of a
    /// publish id that the room knows, nor about inboxes. Messages that come together are asked about at the same time, and keep their order
    /// whatever the order of the answers.
    /// </summary>
    /// <param name="publish">The message.</param>
    /// <param name="cancellation">Cancelled when the time is over (<see cref="HookOptions.PublishTimeout"/>).</param>
    /// <returns>
    /// What becomes of it. When the hook throws, is late, or replaces the message by one that a client could not have sent, the publish fails with
    /// <c>unavailable</c>.
    /// </returns>
    ValueTask<PublishDecision> Publishing(RoomPublish publish, CancellationToken cancellation) => new(PublishDecision.Allow);

    /// <summary>The message is kept, and has a position.</summary>
    ValueTask Published(RoomPublish publish, Receipt receipt, CancellationToken cancellation) => default;

    /// <summary>The first connection of a user that the others see is in the room. Not told again after a silo was killed.</summary>
    ValueTask Joined(string room, string user, CancellationToken cancellation) => default;

    /// <summary>The last connection of a user that the others saw is out of the room.</summary>
    ValueTask Left(string room, string user, CancellationToken cancellation) => default;

    /// <summary>The first user is in the room; comes before its <see cref="Joined"/>.</summary>
    ValueTask Occupied(string room, CancellationToken cancellation) => default;

    /// <summary>The room has had no user for <see cref="Rooms.RoomOptions.VacateDelay"/>.</summary>
    ValueTask Vacated(string room, CancellationToken cancellation) => default;
}
