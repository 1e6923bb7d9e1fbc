namespace Realtime.Grains;

/// <summary>A user, keyed by user id: the connections that the user has, on whichever fronts they are.</summary>
/// <remarks>
/// It holds nothing: an <see cref="IUserPartitionGrain"/> knows where the user is. So a user who is only connected costs a silo no grain.
/// Every method throws <see cref="ArgumentException"/> when the user id or an argument is not allowed, for names and
/// messages <see cref="RequestException"/>.
/// </remarks>
[Alias("realtime.user")]
public interface IUserGrain : IGrainWithStringKey
{
    /// <summary>
    /// Sends a message to all connections of the user; returns how many there are, 0 when the user is away. A user who has an inbox finds
    /// it there later.
    /// </summary>
    /// <exception cref="RoomException">As with <see cref="Deliver"/>.</exception>
    [Alias("Send")]
    Task<int> Send(RoomMessage message);

    /// <summary>
    /// The same, and says where in the user's inbox the message stands once it is kept; nowhere when the user has no inbox. There a second
    /// one with the same id and the same <see cref="RoomMessage.From"/> is not delivered and gets the first receipt.
    /// </summary>
    /// <exception cref="RoomException">
    /// <see cref="RoomException.IdConflict"/>: the id stands for another message. <see cref="RoomException.Unavailable"/>: the
    /// message may be kept or not; sent again with the same id it is kept once.
    /// </exception>
    [Alias("Deliver")]
    Task<DirectReceipt> Deliver(RoomMessage message);

    /// <summary>Sends a text frame of its own, without the protocol's envelope, to all connections of the user. No inbox keeps it.</summary>
    [Alias("SendText")]
    Task<int> SendText(string text);

    /// <summary>Sends a binary frame of its own, without the protocol's envelope, to all connections of the user. No inbox keeps it.</summary>
    [Alias("SendBinary")]
    Task<int> SendBinary([Immutable] byte[] data);

    /// <summary>Closes all connections of the user (close code 4002); returns how many there were. The reason has at most <see cref="Limits.ReasonBytes"/> bytes.</summary>
    [Alias("Disconnect")]
    Task<int> Disconnect(string? reason = null);

    /// <summary>
    /// Closes all connections of the user (close code 4002) and lets none in again, for 1 s to 365 days; by default for
    /// <c>Revocations:BlockTime</c>, 5 minutes. See <see cref="IRevocationGrain"/>.
    /// </summary>
    [Alias("Block"), ResponseTimeout("00:00:05")]
    Task Block(TimeSpan? duration = null);

    /// <summary>Lets the user in again before that.</summary>
    [Alias("Unblock"), ResponseTimeout("00:00:05")]
    Task Unblock();

    /// <summary>Signs the user out everywhere: see <see cref="IRevocationGrain.RevokeTokensOf"/>.</summary>
    [Alias("RevokeTokens"), ResponseTimeout("00:00:05")]
    Task RevokeTokens();

    /// <summary>Closes one connection of the user (close code 4002); false when it is not there. The reason has at most <see cref="Limits.ReasonBytes"/> bytes.</summary>
    /// <remarks>Every front is asked. When one does not answer the call fails, and may be made again.</remarks>
    [Alias("Close")]
    Task<bool> Close(string connection, string? reason = null);

    /// <summary>
    /// Has fronts ask anew what the user's connections may do in their rooms, as after a change of what that depends on: those that may no
    /// longer join are taken out as by <see cref="IRoomGrain.Remove"/>. It goes on when the call has returned.
    /// </summary>
    /// <returns>How many memberships are asked about.</returns>
    /// <remarks>Every front is asked. When one does not answer the call fails, and may be made again.</remarks>
    [Alias("Reauthorize")]
    Task<int> Reauthorize();

    /// <summary>
    /// Puts all connections that the user has now into a room, whatever access says of joins; what they may do there is asked as ever. They are
    /// told <c>joined</c>, by the server. One for which there is no place, or whose user is blocked there, stays out. Later connections of the
    /// user are not in it; repeating it puts these there too.
    /// </summary>
    /// <returns>How many of the user's connections are in the room then.</returns>
    /// <exception cref="RoomException"><see cref="RoomException.Unavailable"/>: the room could not be reached; some may be in it.</exception>
    /// <remarks>Every front is asked. When one does not answer the call fails, and may be made again.</remarks>
    [Alias("Join"), ResponseTimeout("00:00:10")]
    Task<int> Join(string room);

    /// <summary>Takes all connections of the user out of a room: the same as <see cref="IRoomGrain.Remove"/>.</summary>
    [Alias("Leave")]
    Task<int> Leave(string room);

    /// <summary>
    /// Calls a method of the user's clients, all of them; returns the first result, as JSON text, null when it has no data. Errors of some do
    /// not matter while others may still give one.
    /// </summary>
    /// <param name="method">A name by the rule of <see cref="Names"/>.</param>
    /// <param name="data">JSON text of at most <c>Rooms:MaxContentBytes</c> bytes; null for none.</param>
    /// <param name="timeout">How long to wait for it: 100 ms to <see cref="Limits.CallTime"/>, 10 s by default.</param>
    /// <exception cref="CallException">
    /// The user is not connected, there was no result in time, or there was none but errors: then the code is one of the method's own, or
    /// one of the constants there.
    /// </exception>
    /// <remarks>It is not repeated: when an answer is lost the method may have run.</remarks>
    [Alias("Call"), ResponseTimeout("00:02:20")]
    Task<string?> Call(string method, string? data = null, TimeSpan? timeout = null);

    /// <summary>The user's connections and the rooms that they are in.</summary>
    [Alias("Describe"), ResponseTimeout("00:00:05")]
    Task<UserDescription> Describe();

    /// <summary>The user's inbox. Asking makes none.</summary>
    /// <exception cref="RoomException"><see cref="RoomException.Unavailable"/>.</exception>
    [Alias("DescribeInbox"), ResponseTimeout("00:00:05")]
    Task<InboxDescription> DescribeInbox();
}
