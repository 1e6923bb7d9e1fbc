using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Claims;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tokens;

/// <summary>
/// The list of revocations as this front has it: asked at each handshake, refresh and join, and when it grows the connections
/// that it concerns are closed.
/// </summary>
internal sealed partial class Revocations(TimeProvider time, ILogger<Revocations> logger, ConnectionRegistry? registry = null)
{
    // Each entry is over by itself; what is over is thrown away when the list has doubled.
    private const int SmallestPurge = 1_000;

    private readonly ConcurrentDictionary<Subject, Revocation> _entries = new();
    private readonly Lock _changing = new();
    private volatile int _count; // of the entries: asking the dictionary takes all of its locks
    private int _purgeAt = SmallestPurge;

    /// <summary>All entries that are not over, as they are now.</summary>
    public Revocation[] All => [.. _entries.Values.Where(entry => entry.Until > Now)];

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    public bool IsBlocked(string user) => Holds(RevocationKind.User, user) is not null;

    public bool IsBlockedIn(string room, string user) => Holds(RevocationKind.Room, user, room) is not null;

    /// <summary>Whether the token that the principal came with was revoked. Who came without one has none.</summary>
    public bool IsRevoked(ClaimsPrincipal principal)
    {
        if (_count == 0)
            return false;
        if (principal.FindFirst("jti")?.Value is { } id && Holds(RevocationKind.Token, id) is not null)
            return true;
        if (principal.Identity?.Name is not { } user || Holds(RevocationKind.TokensOf, user) is not { } all)
            return false;
        // Of two tokens of one second nobody can say which came before; the owner gets a new one.
        return double.TryParse(principal.FindFirst("iat")?.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var issued)
            ? Math.Floor(issued) <= all.IssuedUntil
            : VerifiedToken.Of(principal) is not null;
    }

    /// <summary>Enters what is new, and closes the connections that it concerns.</summary>
    public void Apply(IReadOnlyList<Revocation> entries)
    {
        List<Revocation> changes = [];
        lock (_changing)
        {
            foreach (var entry in entries)
            {
                var subject = new Subject(entry.Kind, entry.Subject, entry.Room);
                if (_entries.TryGetValue(subject, out var known) && known.Changed >= entry.Changed)
                    continue;
                _entries[subject] = entry;
                if (!entry.IsLifted)
                    changes.Add(entry);
            }
            Purge();
        }
        Close(changes);
    }

    /// <summary>Closes the connection if it is concerned: one that was made while an entry came may have been looked for too early.</summary>
    public void Check(Connection connection)
    {
        if (_count == 0)
            return;
        if (connection.UserId is { } user && IsBlocked(user))
            SafeClose.Close(connection, CloseCodes.Kicked, "the user is blocked", LogCloseFailed);
        else if (IsRevoked(Session.PrincipalOf(connection)))
            SafeClose.Close(connection, CloseCodes.TokenExpired, "the token is revoked", LogCloseFailed);
    }

    private Revocation? Holds(RevocationKind kind, string subject, string? room = null) =>
        _count > 0 && _entries.TryGetValue(new(kind, subject, room), out var entry) && !entry.IsLifted && entry.Until > Now ? entry : null;

    private void Purge()
    {
        if (_entries.Count >= _purgeAt)
        {
            var now = Now;
            foreach (var (subject, entry) in _entries)
            {
                if (entry.Until <= now)
                    _entries.TryRemove(subject, out _);
            }
            _purgeAt = Math.Max(SmallestPurge, _entries.Count * 2);
        }
        _count = _entries.Count;
    }

    private void Close(List<Revocation> changes)
    {
        if (registry is null)
            return; // an application that has the schemes only
        // A token's connection is found by looking at all of them, so once for all tokens.
        if (changes.Exists(entry => entry.Kind == RevocationKind.Token))
        {
            foreach (var connection in registry.Connections)
                Check(connection);
            return;
        }
        foreach (var entry in changes.Where(entry => entry.Kind is RevocationKind.User or RevocationKind.TokensOf))
        {
            foreach (var connection in registry.GetUser(entry.Subject))
                Check(connection);
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Connection {Connection} was to be closed for a revocation, and could not be; it is cut.")]
    private partial void LogCloseFailed(string connection, Exception exception);

    private readonly record struct Subject(RevocationKind Kind, string Name, string? Room);
}
