using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Realtime.PushStreams;
using Realtime.Silo.Fronts;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Users;

/// <summary>Hosts <see cref="UserDevices"/> and sends to the fronts that the user is on, one event per front.</summary>
internal sealed partial class UserGrain(
    TimeProvider time, FrontPublisher publisher, SiloLease lease, IOptions<RoomOptions> options, ILogger<UserGrain> logger)
    : Grain, IUserGrain, IGrainMigrationParticipant
{
    private static readonly TimeSpan s_forever = TimeSpan.FromDays(3650); // the connections are only here

    private readonly UserDevices _devices = new();
    private Departure? _departure;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        Names.Check(this.GetPrimaryKeyString(), "user");
        foreach (var front in _devices.Fronts) // handed over by another silo
            lease.WatchUser(front, this.GetPrimaryKeyString());
        if (_devices.Count > 0)
            DelayDeactivation(s_forever);
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        this.HandOverIfSiloStops(reason, lease);
        foreach (var front in _devices.Fronts)
            lease.UnwatchUser(front, this.GetPrimaryKeyString());
        return Task.CompletedTask;
    }

    void IGrainMigrationParticipant.OnDehydrate(IDehydrationContext context) => context.TryAddValue("connections", _devices.All);

    void IGrainMigrationParticipant.OnRehydrate(IRehydrationContext context)
    {
        if (!context.TryGetValue("connections", out UserConnection[]? connections))
            return;
        foreach (var connection in connections)
            _devices.Attach(connection);
    }

    public Task<string> Attach(UserConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentException.ThrowIfNullOrEmpty(connection.Front, nameof(connection));
        ArgumentException.ThrowIfNullOrEmpty(connection.Connection, nameof(connection));
        if (!_devices.HasFront(connection.Front))
            lease.WatchUser(connection.Front, this.GetPrimaryKeyString());
        _devices.Attach(connection);
        DelayDeactivation(s_forever);
        return Task.FromResult(lease.Id);
    }

    public Task Detach(string front, string connection)
    {
        ArgumentException.ThrowIfNullOrEmpty(front);
        ArgumentException.ThrowIfNullOrEmpty(connection);
        _devices.Detach(front, connection);
        if (!_devices.HasFront(front))
            lease.UnwatchUser(front, this.GetPrimaryKeyString());
        LeaveIfAway();
        return Task.CompletedTask;
    }

    public Task Drop(string front)
    {
        ArgumentException.ThrowIfNullOrEmpty(front);
        _devices.Drop(front);
        LeaveIfAway();
        return Task.CompletedTask;
    }

    public Task<int> Send(RoomMessage message) =>
        Push(FrontEventKind.DirectMessage, MessageBody.Encode(message, options.Value.MaxContentBytes), message.From);

    public Task<int> Deliver(string from, byte[] body)
    {
        Names.Check(from, "sender");
        return MessageBody.Problem(body, options.Value.MaxContentBytes) is { } problem
            ? throw problem
            : Push(FrontEventKind.DirectMessage, body, from);
    }

    public Task<int> SendText(string text) => Push(FrontEventKind.DirectText, MessageBody.Text(text, options.Value.MaxContentBytes));

    public Task<int> SendBinary(byte[] data) => Push(FrontEventKind.DirectBinary, MessageBody.Binary(data, options.Value.MaxContentBytes));

    public Task<int> Disconnect(string? reason)
    {
        var body = reason is null ? [] : Encoding.UTF8.GetBytes(reason);
        return body.Length <= Limits.ReasonBytes
            ? Push(FrontEventKind.Disconnect, body)
            : throw new ArgumentException($"The reason has {body.Length} bytes of UTF-8; it may have {Limits.ReasonBytes}.", nameof(reason));
    }

    public async Task<UserDescription> Describe()
    {
        LeaveIfAway();
        if (_devices.Count == 0)
            return new UserDescription([], []);
        // The fronts know which rooms their connections are in; asking when somebody wants to know costs nothing otherwise.
        var fronts = await GrainFactory.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).Fronts();
        var user = this.GetPrimaryKeyString();
        var rooms = await Task.WhenAll(fronts.Where(front => _devices.HasFront(front.Front)).Select(front => RoomsAt(front, user)));
        return new UserDescription(_devices.All, [.. rooms.SelectMany(names => names).Distinct().Order(StringComparer.Ordinal)]);
    }

    /// <summary>A front that does not answer is left out.</summary>
    private async Task<string[]> RoomsAt(FrontEntry front, string user)
    {
        try
        {
            return await front.Observer.RoomsOf(user);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNoAnswer(front.Front, user, exception));
            return [];
        }
    }

    /// <summary>A user without connections holds nothing.</summary>
    private void LeaveIfAway()
    {
        if (_devices.Count > 0)
            return;
        DelayDeactivation(TimeSpan.Zero);
        (_departure ??= new Departure(this, () => _devices.Count == 0)).Soon();
    }

    private async Task<int> Push(FrontEventKind kind, byte[] body, string? from = null)
    {
        LeaveIfAway();
        if (_devices.Count == 0)
            return 0;
        await publisher.Publish(_devices.Fronts,
        [
            new FrontEvent
            {
                Kind = kind,
                Target = this.GetPrimaryKeyString(),
                From = from,
                Timestamp = time.GetUtcNow().ToUnixTimeMilliseconds(),
                Body = body,
            },
        ]);
        return _devices.Count;
    }

    [LoggerMessage(1, LogLevel.Warning, "Front {Front} did not say which rooms user {User} is in; they are left out.")]
    private partial void LogNoAnswer(string front, string user, Exception exception);
}
