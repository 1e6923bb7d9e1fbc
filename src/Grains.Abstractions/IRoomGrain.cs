namespace Realtime.Grains;

/// <summary>
/// A room, keyed by its name (<see cref="Names"/> says which names are allowed). It knows its members, numbers its
/// messages and pushes each of them once to every front that has a member in it.
/// </summary>
/// <remarks>
/// Any service with a cluster client may call this:
/// <c>await client.GetGrain&lt;IRoomGrain&gt;("lobby").Broadcast(new RoomMessage { From = "billing", Content = "paid" });</c>
/// A room exists as soon as somebody joins it or sends to it, and goes away when nobody is in it and its messages are over.
/// A read of a room that nobody uses makes none.
/// Every method throws <see cref="ArgumentException"/> when the room's name or an argument is not allowed, for names and
/// messages <see cref="RequestException"/>. Those that send
/// or read messages throw <see cref="RoomException"/> when the room's log is out of reach.
/// </remarks>
[Alias("realtime.room")]
public interface IRoomGrain : IGrainWithStringKey
{
    /// <summary>Sends a message to every member. The receipt is given once the message is in the room's log.</summary>
    /// <exception cref="RoomException">
    /// <see cref="RoomException.IdConflict"/>: the id stands for another message. <see cref="RoomException.VersionConflict"/>,
    /// <see cref="RoomException.StateFull"/>: of a message with a key of the state. <see cref="RoomException.Unavailable"/>: the
    /// message may be kept or not; sent again with the same id it is kept once.
    /// </exception>
    [Alias("Broadcast")]
    Task<Receipt> Broadcast(RoomMessage message);

    /// <summary>
    /// Sends messages to every member, in their order and in one turn: they are appended together, and no message of others comes
    /// between. Each stands for itself, so some may be refused and the others kept.
    /// </summary>
    /// <param name="messages">1 to <see cref="Limits.BatchMessages"/>.</param>
    /// <returns>
    /// The answer to <c>messages[i]</c> is at index <c>i</c>: a <see cref="PublishedReply"/>, or a <see cref="RefusedReply"/> with the code that
    /// <see cref="Broadcast"/> throws.
    /// </returns>
    /// <exception cref="RoomException"><see cref="RoomException.Unavailable"/>: none of them is kept.</exception>
    [Alias("BroadcastMany")]
    Task<RoomReply[]> BroadcastMany([Immutable] RoomMessage[] messages);

    /// <summary>Sends <paramref name="text"/> to every member as a text frame of its own, without the protocol's envelope.</summary>
    [Alias("BroadcastText")]
    Task<Receipt> BroadcastText(string text);

    /// <summary>Sends <paramref name="data"/> to every member as a binary frame of its own, without the protocol's envelope.</summary>
    [Alias("BroadcastBinary")]
    Task<Receipt> BroadcastBinary([Immutable] byte[] data);

    /// <summary>A page of the messages that the room still has, oldest first.</summary>
    /// <param name="before">The page ends before the message of this sequence, 1 or more; null for the newest page.</param>
    /// <param name="limit">
    /// 1 to <see cref="Limits.HistoryPage"/> messages; there are fewer when they are over <see cref="Limits.HistoryBytes"/> together.
    /// </param>
    /// <param name="epoch">The epoch of <paramref name="before"/>, if it is to be checked.</param>
    /// <exception cref="RoomException">
    /// <see cref="RoomException.PositionInvalid"/>: another epoch, or from the future; <see cref="RoomException.Unavailable"/>.
    /// </exception>
    [Alias("History"), ReadOnly]
    Task<HistoryPage> History(long? before = null, int limit = Limits.HistoryPage, string? epoch = null);

    /// <summary>A page of the room's state: the keys that messages have set, with what they have now.</summary>
    /// <param name="after">The page begins after this key; none, or an empty one, for the first page.</param>
    /// <param name="limit">1 to <see cref="Limits.PageSize"/> entries; there are fewer when they are over <see cref="Limits.StateBytes"/> together.</param>
    /// <exception cref="RoomException"><see cref="RoomException.Unavailable"/>.</exception>
    [Alias("State"), ReadOnly]
    Task<StatePage> State(string? after = null, int limit = Limits.PageSize);

    /// <summary>
    /// The user ids in the room with what they show of themselves, in ordinal order, those after <paramref name="after"/> only.
    /// <paramref name="limit"/> is 1 to <see cref="Limits.PageSize"/>; there are fewer when their data is over <see cref="Limits.PresenceBytes"/> together.
    /// </summary>
    [Alias("Members"), ReadOnly]
    Task<MembersPage> Members(string? after = null, int limit = Limits.PageSize);

    /// <summary>
    /// The same as <see cref="Members"/>, but as the members have been told: whose coming or going is not told yet, since it comes and goes all the
    /// time, is as it was. So with what is told after <see cref="MembersPage.Order"/> it becomes what there is.
    /// </summary>
    [Alias("MembersAsTold"), ReadOnly]
    Task<MembersPage> MembersAsTold(string? after = null, int limit = Limits.PageSize);

    /// <summary>How many are in the room, through how many fronts, and the room's position.</summary>
    [Alias("Describe"), ReadOnly]
    Task<RoomDescription> Describe();

    /// <summary>
    /// Takes all connections of a user out of the room, also those that are on their way into it: they are told that the server did it,
    /// and the others see the user leave. It forbids nothing: a client that joins again is asked for its access again.
    /// </summary>
    /// <returns>How many connections there were.</returns>
    /// <remarks>Every front is asked. When one does not answer the call fails, and may be made again.</remarks>
    [Alias("Remove"), AlwaysInterleave]
    Task<int> Remove(string user);

    /// <summary>
    /// The same as <see cref="Remove"/>, and lets the user in no more, whatever access says: for 1 s to 365 days, by default for
    /// <c>Revocations:BlockTime</c>. See <see cref="IRevocationGrain"/>.
    /// </summary>
    /// <returns>How many connections there were.</returns>
    [Alias("Block"), AlwaysInterleave, ResponseTimeout("00:00:10")]
    Task<int> Block(string user, TimeSpan? duration = null);

    /// <summary>Lets the user in again before that.</summary>
    [Alias("Unblock"), AlwaysInterleave, ResponseTimeout("00:00:05")]
    Task Unblock(string user);

    /// <summary>
    /// Has fronts ask anew what the members may do, as after a change of what that depends on: who may no longer join is taken out as by
    /// <see cref="Remove"/>. It goes on when the call has returned.
    /// </summary>
    /// <returns>How many memberships are asked about.</returns>
    /// <remarks>Every front is asked. When one does not answer the call fails, and may be made again.</remarks>
    [Alias("Reauthorize"), AlwaysInterleave]
    Task<int> Reauthorize();

    /// <summary>
    /// What a front sends: joins, leaves and publishes of its connections, applied in the order given, as one turn.
    /// </summary>
    /// <param name="front">The front's id.</param>
    /// <param name="batch">
    /// Grows with each call of this front to this room. A call with the number of the last one is its repeat, after an
    /// answer that was lost, and gets the same answer again.
    /// </param>
    /// <param name="commands">What is asked.</param>
    [Alias("Submit")]
    ValueTask<SubmitReply> Submit(string front, long batch, [Immutable] RoomCommand[] commands);

    /// <summary>
    /// Called by the partition of a user, of whose inbox this grain has the key: keeps a message. Null when there is no inbox; then none is made.
    /// </summary>
    [Alias("Keep")]
    Task<InboxReply?> Keep(DirectMessage message);

    /// <summary>Called by the user, of whose inbox this grain has the key. It makes none.</summary>
    [Alias("DescribeInbox"), ReadOnly]
    Task<InboxDescription> DescribeInbox();

    /// <summary>Called by the silo when a front's lease has run out: its connections are gone.</summary>
    [Alias("Drop")]
    Task Drop(string front);
}
