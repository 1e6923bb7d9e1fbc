using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using Realtime.PushStreams;
using Realtime.Silo.Logs;

namespace Realtime.Silo.Revocations;

/// <summary>Hosts the list of revocations and tells the fronts of its changes.</summary>
[Reentrant] // a front that does not answer delays nobody but who revokes
internal sealed partial class RevocationGrain(IOptions<RevocationOptions> options, IRoomLogs logs, TimeProvider time, ILogger<RevocationGrain> logger)
    : Grain, IRevocationGrain, IGrainMigrationParticipant
{
    // Of some 100 to 500 bytes each.
    private const int PageSize = 5_000;

    private static readonly TimeSpan s_longest = TimeSpan.FromDays(365);

    // What ClockSkew may be at most: so long after its expiry a front may still take a token.
    private static readonly TimeSpan s_clocks = TimeSpan.FromMinutes(5);

    // So often is tried again what the log did not take or give.
    private static readonly TimeSpan s_retryPeriod = TimeSpan.FromSeconds(5);

    private readonly RevocationTable _table = new(options.Value, time);
    private readonly RevocationStore _store = new(logs, time, logger);
    private readonly string _epoch = Guid.NewGuid().ToString("N")[..12];

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        DelayDeactivation(TimeSpan.FromDays(3650)); // fronts ask for it all the time
        await Load();
        this.RegisterGrainTimer(Retry, s_retryPeriod, s_retryPeriod);
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        this.MigrateIfSiloStops(reason);
        return Task.CompletedTask;
    }

    public Task BlockUser(string user, TimeSpan? duration)
    {
        Names.Check(user, "user");
        return Enter(RevocationKind.User, user, null, EndOf(duration));
    }

    public Task UnblockUser(string user)
    {
        Names.Check(user, "user");
        return Lift(RevocationKind.User, user, null);
    }

    public Task BlockInRoom(string room, string user, TimeSpan? duration)
    {
        Names.Check(room, "room");
        Names.Check(user, "user");
        return Enter(RevocationKind.Room, user, room, EndOf(duration));
    }

    public Task UnblockInRoom(string room, string user)
    {
        Names.Check(room, "room");
        Names.Check(user, "user");
        return Lift(RevocationKind.Room, user, room);
    }

    public Task RevokeTokensOf(string user)
    {
        Names.Check(user, "user");
        return Enter(RevocationKind.TokensOf, user, null, Now + LongestLife, issuedUntil: time.GetUtcNow().ToUnixTimeSeconds());
    }

    public Task RevokeToken(string id, DateTimeOffset expires)
    {
        if (string.IsNullOrEmpty(id) || Encoding.UTF8.GetByteCount(id) > Limits.TokenIdBytes)
            throw new RequestException(RequestException.BadRequest, $"The token's id (jti) must have 1 to {Limits.TokenIdBytes} bytes of UTF-8.");
        // A token that has expired needs no entry; by the clock of the front that looks, it may still be good.
        return Enter(RevocationKind.Token, id, null, Math.Min(expires.ToUnixTimeMilliseconds() + (long)s_clocks.TotalMilliseconds, Now + LongestLife));
    }

    public ValueTask<RevocationChanges> Changes(string? epoch, long version)
    {
        var entries = _table.After(epoch == _epoch ? version : 0, PageSize);
        return new(new RevocationChanges(_epoch, entries, entries.Length == PageSize));
    }

    public Task Merge(Revocation[] entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        // What the log has not either is kept now: it may have been away when the entry was made.
        return _store.Keep(entries.Where(_table.Merge));
    }

    void IGrainMigrationParticipant.OnDehydrate(IDehydrationContext context) => context.TryAddValue("entries", _table.After(0, int.MaxValue));

    void IGrainMigrationParticipant.OnRehydrate(IRehydrationContext context)
    {
        // Another epoch, as the entries get versions anew: fronts ask for all of them, and have them already.
        if (!context.TryGetValue("entries", out Revocation[]? entries))
            return;
        foreach (var entry in entries)
            _table.Merge(entry);
    }

    private long LongestLife => (long)(options.Value.MaxTokenLifetime + s_clocks).TotalMilliseconds;

    private long EndOf(TimeSpan? duration)
    {
        var length = duration ?? options.Value.BlockTime;
        if (length < TimeSpan.FromSeconds(1) || length > s_longest)
            throw new RequestException(RequestException.BadRequest, $"A block of {length} is not allowed; it may be from 00:00:01 to {s_longest}.");
        return Now + (long)length.TotalMilliseconds;
    }

    private async Task Load()
    {
        var kept = await _store.Load();
        if (!_store.IsLoaded)
            return;
        foreach (var entry in kept)
            Enter(entry);
        // What has come along from another silo, which may not have been able to keep it.
        var known = kept.Select(entry => (entry.Kind, entry.Subject, entry.Room, entry.Changed)).ToHashSet();
        await _store.Keep(_table.After(0, int.MaxValue).Where(entry => !known.Contains((entry.Kind, entry.Subject, entry.Room, entry.Changed))));
    }

    private async Task Retry(CancellationToken cancellation)
    {
        if (!_store.IsLoaded)
            await Load();
        if (_store.HasUnkept)
            await _store.Flush();
    }

    private void Enter(Revocation entry)
    {
        try
        {
            _table.Merge(entry);
        }
        catch (RequestException)
        {
            // There is no place: the bounds of the list have been lowered.
        }
    }

    private Task Enter(RevocationKind kind, string subject, string? room, long until, long issuedUntil = 0) =>
        until <= Now ? Task.CompletedTask : Tell(_table.Set(new Revocation(kind, subject, room, until, issuedUntil, IsLifted: false)));

    private Task Lift(RevocationKind kind, string subject, string? room) =>
        _table.Lift(kind, subject, room) is { } lifted ? Tell(lifted) : Task.CompletedTask;

    private async Task Tell(Revocation entry)
    {
        var fronts = await GrainFactory.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).Fronts();
        await Task.WhenAll([.. fronts.Select(front => Tell(front, entry)), _store.Keep(entry)]);
    }

    /// <summary>A front that does not answer asks for what it has missed, if it is there at all.</summary>
    private async Task Tell(FrontEntry front, Revocation entry)
    {
        try
        {
            await front.Observer.Revoke([entry]);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNoAnswer(front.Front, exception));
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Front {Front} did not say that it knows a revocation; it asks for the list with the next renewal of its lease.")]
    private partial void LogNoAnswer(string front, Exception exception);
}
