namespace Realtime.Grains;

/// <summary>
/// What was taken away before its time: users that are blocked, tokens that are revoked, users that may not come back into a room. One
/// grain, key <see cref="Key"/>; each front has the whole list in memory and looks there.
/// </summary>
/// <remarks>
/// A change is with all fronts that answer when the call returns, 2 seconds at most; a front that was away has it within a second of
/// its coming back, and one that starts has the list before it is ready. The list is in memory: a silo that is lost takes nothing
/// with it, as the fronts give it back, but what all processes lose at once is lost. Repeating a call changes nothing but the time. Every
/// method throws <see cref="ArgumentException"/> when an argument is not allowed, <see cref="RequestException"/> for names and, with
/// <see cref="RequestException.RevocationsFull"/>, when the list is full.
/// </remarks>
[Alias("realtime.revocations")]
public interface IRevocationGrain : IGrainWithIntegerKey
{
    /// <summary>The only key.</summary>
    const long Key = 0;

    /// <summary>
    /// Closes the user's connections (close code 4002) and refuses new ones, for 1 s to 365 days; by default for
    /// <c>Revocations:BlockTime</c>, 5 minutes. A block in place of another one counts.
    /// </summary>
    [Alias("BlockUser"), ResponseTimeout("00:00:05")]
    Task BlockUser(string user, TimeSpan? duration = null);

    /// <summary>Ends the block before its time.</summary>
    [Alias("UnblockUser"), ResponseTimeout("00:00:05")]
    Task UnblockUser(string user);

    /// <summary>Keeps a user from joining a room, for as long as with <see cref="BlockUser"/>. Who is in it stays: <see cref="IRoomGrain.Block"/> does both.</summary>
    [Alias("BlockInRoom"), ResponseTimeout("00:00:05")]
    Task BlockInRoom(string room, string user, TimeSpan? duration = null);

    /// <summary>Ends that before its time.</summary>
    [Alias("UnblockInRoom"), ResponseTimeout("00:00:05")]
    Task UnblockInRoom(string room, string user);

    /// <summary>
    /// Signs a user out everywhere: tokens that were issued (<c>iat</c>) up to now count no more, nor those that do not say when;
    /// connections that came with one are closed with 4003. It is kept for as long as a token may live, <c>Revocations:MaxTokenLifetime</c>.
    /// </summary>
    [Alias("RevokeTokensOf"), ResponseTimeout("00:00:05")]
    Task RevokeTokensOf(string user);

    /// <summary>Revokes one token, by its claim <c>jti</c> of at most <see cref="Limits.TokenIdBytes"/> bytes; connections that came with it are closed with 4003.</summary>
    /// <param name="id">The claim.</param>
    /// <param name="expires">The token's own expiry: so long it is kept, and not beyond <c>Revocations:MaxTokenLifetime</c>.</param>
    [Alias("RevokeToken"), ResponseTimeout("00:00:05")]
    Task RevokeToken(string id, DateTimeOffset expires);

    /// <summary>What a front asks with each renewal of its lease: the changes since the version that it has.</summary>
    /// <param name="epoch">Of the list that the front has; null when it has none. Of another epoch than the grain's, all is new.</param>
    /// <param name="version">How far the front has it.</param>
    [Alias("Changes")]
    ValueTask<RevocationChanges> Changes(string? epoch, long version);

    /// <summary>What a front has of a list of another epoch, after the grain was lost. The newer entry of two counts.</summary>
    [Alias("Merge")]
    Task Merge([Immutable] Revocation[] entries);
}

/// <summary>What a <see cref="Revocation"/> is about.</summary>
public enum RevocationKind : byte
{
    /// <summary>A user may not connect.</summary>
    User,
    /// <summary>A user may not join a room.</summary>
    Room,
    /// <summary>A user's tokens of before count no more.</summary>
    TokensOf,
    /// <summary>One token counts no more.</summary>
    Token,
}

/// <summary>An entry of the list.</summary>
/// <param name="Kind">What it is about.</param>
/// <param name="Subject">The user's id, or the token's.</param>
/// <param name="Room">The room, for <see cref="RevocationKind.Room"/>.</param>
/// <param name="Until">When it is over by itself, Unix milliseconds.</param>
/// <param name="IssuedUntil">For <see cref="RevocationKind.TokensOf"/>: the second up to which tokens were issued, Unix time.</param>
/// <param name="IsLifted">It was ended before its time. That is kept until then, so that no older entry comes back.</param>
/// <param name="Changed">When it was made or lifted, in an order without ties: of two entries about the same the later one counts.</param>
/// <param name="Version">Its place in the list of this epoch.</param>
[GenerateSerializer, Immutable, Alias("realtime.revocation")]
public sealed record Revocation(
    [property: Id(0)] RevocationKind Kind,
    [property: Id(1)] string Subject,
    [property: Id(2)] string? Room,
    [property: Id(3)] long Until,
    [property: Id(4)] long IssuedUntil,
    [property: Id(5)] bool IsLifted,
    [property: Id(6)] long Changed = 0,
    [property: Id(7)] long Version = 0);

/// <summary>A part of the list.</summary>
/// <param name="Epoch">The life of the list; a new one begins when the grain is lost with its silo.</param>
/// <param name="Entries">In the order of their versions, each after the one that was asked for.</param>
/// <param name="More">Whether there are more, after the last of these.</param>
[GenerateSerializer, Immutable, Alias("realtime.revocation.changes")]
public readonly record struct RevocationChanges(
    [property: Id(0)] string Epoch, [property: Id(1)] Revocation[] Entries, [property: Id(2)] bool More);
