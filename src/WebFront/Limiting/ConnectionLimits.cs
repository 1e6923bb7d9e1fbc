using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.WebFront.Operation;

namespace Realtime.WebFront.Limiting;

/// <summary>The limits of connections and upgrades: <see cref="LimitOptions"/>.</summary>
/// <remarks>Those of users and of the front are what the registry has and what is on its way there, so that they take no memory of their own.</remarks>
internal sealed class ConnectionLimits : ConnectionGate, IDisposable
{
    /// <summary>Seconds after which it is worth to try again, when nobody knows when a connection ends.</summary>
    private const int RetrySeconds = 5;

    private readonly LimitOptions _limits;
    private readonly LimitMetrics _metrics;
    private readonly ConnectionRegistry _registry;
    private readonly RecentErrors _recent;
    private readonly AddressTable? _addresses;
    private readonly RateLimiter? _upgrades;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _opening = []; // by user
    private int _allOpening;

    public ConnectionLimits(IOptions<LimitOptions> options, LimitMetrics metrics, ConnectionRegistry registry, RecentErrors recent, TimeProvider time)
    {
        (_limits, _metrics, _registry, _recent) = (options.Value, metrics, registry, recent);
        var addresses = new AddressTable(options, time);
        _addresses = addresses.IsUsed ? addresses : null;
        if (_limits.Enabled && _limits.Upgrades is { Rate: > 0 } upgrades)
            _upgrades = UpgradeLimiter(upgrades);
    }

    /// <summary>For the endpoints; null when nothing is to be bounded.</summary>
    public ConnectionGate? Gate => _limits.Enabled ? this : null;

    /// <summary>Addresses that are known.</summary>
    public int Addresses => _addresses?.Count ?? 0;

    /// <summary>Connections that were let in and are not there yet.</summary>
    public int OnTheirWay => Volatile.Read(ref _allOpening);

    public override async ValueTask<UpgradeRefusal?> EnterAsync(HttpContext context, string? userId)
    {
        var address = KeyOf(context.Connection.RemoteIpAddress);
        if (address is { } key && _addresses!.Enter(key) is { } over)
            return Refuse(context, over.Limit, over.Wait);
        if (EnterFront(userId) is { } limit)
        {
            LeaveAddress(address);
            return Refuse(context, limit, null);
        }
        if (_upgrades is null || await HasTurnAsync(context.RequestAborted))
            return null;
        Arrive(userId);
        LeaveAddress(address);
        return Refuse(context, Limit.Upgrades, null);
    }

    public override void Opening(Connection connection, ConnectionRegistry registry)
    {
        lock (_lock)
        {
            base.Opening(connection, registry);
            ArriveLocked(connection.UserId);
        }
    }

    public override void Failed(string? userId, EndPoint? address)
    {
        Arrive(userId);
        LeaveAddress(KeyOf((address as IPEndPoint)?.Address));
    }

    public override void Left(Connection connection) => LeaveAddress(KeyOf((connection.RemoteAddress as IPEndPoint)?.Address));

    public void Dispose() => _upgrades?.Dispose();

    private static TokenBucketRateLimiter UpgradeLimiter(UpgradeRateOptions upgrades)
    {
        const int periods = 100; // a second at most, as timers are that exact
        return new TokenBucketRateLimiter(new()
        {
            TokenLimit = upgrades.Burst,
            TokensPerPeriod = Math.Max(1, upgrades.Rate / periods),
            ReplenishmentPeriod = TimeSpan.FromSeconds(1.0 / Math.Min(upgrades.Rate, periods)),
            QueueLimit = upgrades.Queue,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        });
    }

    private UInt128? KeyOf(IPAddress? address) => _addresses is null ? null : AddressKey.Of(address, _limits.LoopbackCounts);

    /// <summary>Counts a connection that is on its way, or says which limit it is over.</summary>
    private Limit? EnterFront(string? userId)
    {
        lock (_lock)
        {
            if (_limits.Connections > 0 && _registry.Count + _allOpening >= _limits.Connections)
                return Limit.Connections;
            if (userId is not null && _limits.ConnectionsPerUser > 0)
            {
                var opening = _opening.GetValueOrDefault(userId);
                if (_registry.CountUser(userId) + opening >= _limits.ConnectionsPerUser && !(_limits.OldestGivesWay && OldestGaveWay(userId, opening)))
                    return Limit.UserConnections;
                _opening[userId] = opening + 1;
            }
            _allOpening++;
            return null;
        }
    }

    /// <summary>Closes the user's oldest connection, if one has to go and there is one; those that close already do not count, but are bounded too.</summary>
    private bool OldestGaveWay(string userId, int opening)
    {
        var all = _registry.GetUser(userId);
        if (all.Count + opening >= 2 * _limits.ConnectionsPerUser)
            return false;
        Connection[] connected = [.. all.Where(connection => connection.IsConnected)];
        if (connected.Length + opening < _limits.ConnectionsPerUser)
            return true;
        if (connected.MinBy(connection => connection.ConnectedAt) is not { } oldest)
            return false;
        _metrics.Met(Limit.UserConnections);
        _ = oldest.CloseAsync(CloseCodes.Replaced, "replaced by a newer connection of the user");
        return true;
    }

    private async Task<bool> HasTurnAsync(CancellationToken aborted)
    {
        try
        {
            using var lease = await _upgrades!.AcquireAsync(1, aborted);
            return lease.IsAcquired;
        }
        catch (OperationCanceledException)
        {
            return false; // it has not waited for its turn
        }
    }

    private void Arrive(string? userId)
    {
        lock (_lock)
            ArriveLocked(userId);
    }

    /// <summary>A connection that was on its way is there, or will not come.</summary>
    private void ArriveLocked(string? userId)
    {
        _allOpening--;
        if (userId is null || !_opening.TryGetValue(userId, out var opening))
            return;
        if (opening == 1)
            _opening.Remove(userId);
        else
            _opening[userId] = opening - 1;
    }

    private void LeaveAddress(UInt128? address)
    {
        if (address is { } key)
            _addresses!.Leave(key);
    }

    private UpgradeRefusal Refuse(HttpContext context, Limit limit, TimeSpan? wait)
    {
        _metrics.Met(limit);
        _recent.Limited(context, limit);
        var seconds = wait is { } known ? Math.Max(1, Math.Ceiling(known.TotalSeconds)) : RetrySeconds;
        context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return limit switch
        {
            Limit.Handshakes => new(StatusCodes.Status429TooManyRequests, "This address connects more often than it may."),
            Limit.AddressConnections => new(StatusCodes.Status429TooManyRequests, $"An address may have {_limits.ConnectionsPerAddress} connections at this front."),
            Limit.UserConnections => new(StatusCodes.Status429TooManyRequests, $"A user may have {_limits.ConnectionsPerUser} connections at this front; close one first."),
            Limit.Connections => new(StatusCodes.Status503ServiceUnavailable, "This front has as many connections as it may have."),
            _ => new(StatusCodes.Status503ServiceUnavailable, "More clients connect to this front than it takes at once."),
        };
    }
}
