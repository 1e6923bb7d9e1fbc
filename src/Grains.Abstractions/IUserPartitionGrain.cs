namespace Realtime.Grains;

/// <summary>
/// A part of all users, and the connections that each of them has. Fronts tell it who comes and goes, many in one call, and
/// <see cref="IUserGrain"/> asks it. Keyed by <see cref="KeyOf"/>.
/// </summary>
/// <remarks>Every method throws <see cref="ArgumentException"/> when an argument is not allowed, for names and messages <see cref="RequestException"/>.</remarks>
[Alias("realtime.users")]
public interface IUserPartitionGrain : IGrainWithIntegerKey
{
    /// <summary>How many there are; another number needs another <see cref="FrontReport.Current"/>.</summary>
    const int Count = 128;

    /// <summary>The partition of a user, 0 to <see cref="Count"/> - 1: the same in all processes.</summary>
    static int KeyOf(string user) => (int)(IdSpan.Create(user).GetUniformHashCode() % Count);

    /// <summary>What a front tells: connections that have come and gone, in this order. Telling it again changes nothing.</summary>
    /// <param name="front">The front's id.</param>
    /// <param name="batch">Grows with each call of this front to this partition. One that comes after a later one is left out.</param>
    /// <param name="isAll">The front has no other connections here than those of <paramref name="changes"/>.</param>
    /// <param name="changes">Connections of users of this partition.</param>
    [Alias("Submit")]
    ValueTask<UsersReply> Submit(string front, long batch, bool isAll, [Immutable] UserChange[] changes);

    /// <summary>The user's connections.</summary>
    [Alias("Find"), ReadOnly]
    Task<UserConnection[]> Find(string user);

    /// <summary>Puts an event for a user, the event's target, on the streams of the fronts that the user is on; returns how many connections there are.</summary>
    [Alias("Push")]
    Task<int> Push(FrontEvent item);

    /// <summary>A message to a user: into the user's inbox if there is one, and to the user's connections.</summary>
    /// <exception cref="RoomException">
    /// There may be an inbox, and it could not take the message: <see cref="RoomException.Unavailable"/>, or the id was used for another one.
    /// </exception>
    [Alias("Send")]
    Task<DirectReceipt> Send(DirectMessage message);

    /// <summary>What a front of an earlier release sends for a client, with the body already encoded; returns how many connections there are.</summary>
    [Alias("Deliver")]
    Task<int> Deliver(string user, string from, [Immutable] byte[] body);

    /// <summary>Called by an inbox when one of the user's connections has asked for it: from now on messages go there.</summary>
    [Alias("NoteInbox"), ResponseTimeout("00:00:02")]
    Task NoteInbox(string user);

    /// <summary>
    /// Called by an inbox that keeps no message, and forgets its members when this is answered: from now on the user's fronts are told here that
    /// there is something. It is noted as well, as by <see cref="NoteInbox"/>.
    /// </summary>
    /// <param name="user">Whose it is.</param>
    /// <param name="fronts">Those with members.</param>
    /// <param name="state">Where it is, to be kept for it; null when its log has that.</param>
    /// <returns>The silo that the partition is on; null when it does not know the user on all of these fronts, and could not tell them.</returns>
    [Alias("RestInbox"), ResponseTimeout("00:00:02")]
    Task<string?> RestInbox(string user, [Immutable] string[] fronts, InboxState? state);

    /// <summary>Called by an inbox that begins without a past: what <see cref="RestInbox"/> has kept for it, which is the caller's from now on; null for nothing.</summary>
    [Alias("TakeInbox"), ResponseTimeout("00:00:02")]
    Task<InboxState?> TakeInbox(string user);

    /// <summary>Called by the silo when a front's lease has run out: its connections are gone.</summary>
    [Alias("Drop")]
    Task Drop(string front);
}

/// <summary>A user's connection has come to a front or has gone from it.</summary>
/// <param name="User">Whose it is.</param>
/// <param name="Connection">The connection's id.</param>
/// <param name="ConnectedAt">Since when; null when it has gone.</param>
[GenerateSerializer, Immutable, Alias("realtime.users.change")]
public readonly record struct UserChange(
    [property: Id(0)] string User,
    [property: Id(1)] string Connection,
    [property: Id(2)] DateTimeOffset? ConnectedAt);

/// <summary>The answer to a front's changes.</summary>
/// <param name="Silo">The silo that the partition is on, as <see cref="ClusterView.Silos"/> names it.</param>
/// <param name="KnewFront">Whether the partition had connections of this front before. If the front had some, partition and front are out of step.</param>
[GenerateSerializer, Immutable, Alias("realtime.users.reply")]
public sealed record UsersReply([property: Id(0)] string Silo, [property: Id(1)] bool KnewFront);
