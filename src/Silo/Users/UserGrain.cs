using System.Text;
using Realtime.Silo.Fronts;

namespace Realtime.Silo.Users;

/// <summary>Hosts <see cref="UserDevices"/> and sends to the fronts that the user is on, one event per front.</summary>
internal sealed class UserGrain(TimeProvider time, FrontPublisher publisher, SiloLease lease)
    : Grain, IUserGrain, IGrainMigrationParticipant
{
    private static readonly TimeSpan s_forever = TimeSpan.FromDays(3650); // the connections are only here

    private readonly UserDevices _devices = new();

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
        if (!_devices.HasFront(connection.Front))
            lease.WatchUser(connection.Front, this.GetPrimaryKeyString());
        _devices.Attach(connection);
        DelayDeactivation(s_forever);
        return Task.FromResult(lease.Id);
    }

    public Task Detach(string front, string connection)
    {
        _devices.Detach(front, connection);
        if (!_devices.HasFront(front))
            lease.UnwatchUser(front, this.GetPrimaryKeyString());
        if (_devices.Count == 0)
            DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task Drop(string front)
    {
        _devices.Drop(front);
        if (_devices.Count == 0)
            DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task<int> Send(RoomMessage message) =>
        Push(FrontEventKind.DirectMessage, MessageBody.Encode(message), message.From);

    public Task<int> Deliver(string from, byte[] body)
    {
        Names.Check(from, "sender");
        ArgumentNullException.ThrowIfNull(body);
        return Push(FrontEventKind.DirectMessage, body, from);
    }

    public Task<int> SendText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Push(FrontEventKind.DirectText, Encoding.UTF8.GetBytes(text));
    }

    public Task<int> SendBinary(byte[] data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Push(FrontEventKind.DirectBinary, data);
    }

    public Task<int> Disconnect(string? reason) =>
        Push(FrontEventKind.Disconnect, reason is null ? [] : Encoding.UTF8.GetBytes(reason));

    public async Task<UserDescription> Describe()
    {
        if (_devices.Count == 0)
            return new UserDescription([], []);
        // The fronts know which rooms their connections are in; asking when somebody wants to know costs nothing otherwise.
        var fronts = await GrainFactory.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).Fronts();
        var user = this.GetPrimaryKeyString();
        var rooms = await Task.WhenAll(fronts.Where(front => _devices.HasFront(front.Front)).Select(front => front.Observer.RoomsOf(user)));
        return new UserDescription(_devices.All, [.. rooms.SelectMany(names => names).Distinct().Order(StringComparer.Ordinal)]);
    }

    private async Task<int> Push(FrontEventKind kind, byte[] body, string? from = null)
    {
        if (_devices.Count == 0)
        {
            DeactivateOnIdle();
            return 0;
        }
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
}
