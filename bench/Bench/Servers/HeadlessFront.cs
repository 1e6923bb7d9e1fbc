using Orleans;
using Orleans.Runtime;
using Orleans.Streams;
using Realtime.Grains;

namespace Realtime.Bench.Servers;

/// <summary>A front without sockets: holds a lease, hears its stream, and calls rooms.</summary>
internal sealed class HeadlessFront : IFrontObserver, IAsyncObserver<FrontEvent>, IAsyncDisposable
{
    /// <summary>Calls that are under way.</summary>
    public const int AtOnce = 256;

    private readonly CancellationTokenSource _stop = new();
    private readonly IClusterClient _cluster;
    private readonly string _id = $"bench-{Guid.NewGuid():N}";
    private StreamSubscriptionHandle<FrontEvent>? _subscription;
    private Task _renewing = Task.CompletedTask;
    private int _heard;

    private HeadlessFront(IClusterClient cluster) => _cluster = cluster;

    public static async Task<HeadlessFront> Start(IClusterClient cluster)
    {
        var front = new HeadlessFront(cluster);
        front._subscription = await cluster.GetStreamProvider(FrontStreams.Provider).GetStream<FrontEvent>(FrontStreams.Of(front._id)).SubscribeAsync(front);
        var reference = cluster.CreateObjectReference<IFrontObserver>(front);
        await front.Renew(reference);
        front._renewing = front.RenewForever(reference);
        return front;
    }

    /// <summary>Sends one command to each of so many rooms.</summary>
    /// <param name="batch">Grows from call to call.</param>
    public async Task Submit(string name, int rooms, long batch, Func<int, RoomCommand> command)
    {
        for (var first = 0; first < rooms; first += AtOnce)
        {
            var calls = Enumerable.Range(first, Math.Min(AtOnce, rooms - first))
                .Select(i => _cluster.GetGrain<IRoomGrain>($"{name}{i}").Submit(_id, batch, [command(i)]).AsTask());
            foreach (var reply in await Task.WhenAll(calls))
            {
                if (reply.Replies[0] is RefusedReply refused)
                    throw new InvalidOperationException($"A room refused: {refused.Reason}");
            }
        }
    }

    /// <summary>Tells the partitions of so many users of a connection of each.</summary>
    public async Task Attach(string name, int users)
    {
        var changes = Enumerable.Range(0, users).Select(i => new UserChange($"{name}{i}", $"{i:x16}", DateTimeOffset.UtcNow));
        await Task.WhenAll(changes.GroupBy(change => IUserPartitionGrain.KeyOf(change.User)).Select(group =>
            _cluster.GetGrain<IUserPartitionGrain>(group.Key).Submit(_id, 1, isAll: false, [.. group]).AsTask()));
    }

    /// <summary>Waits until so many events of rooms have come in all.</summary>
    public async Task HasHeard(int events)
    {
        for (var tries = 0; Volatile.Read(ref _heard) < events; tries++)
        {
            if (tries > 300)
                throw new InvalidOperationException($"Only {_heard} of {events} events have come.");
            await Task.Delay(100);
        }
    }

    public Task OnNextAsync(FrontEvent item, StreamSequenceToken? token = null)
    {
        if (item.Kind != FrontEventKind.Positions)
            Interlocked.Increment(ref _heard);
        return Task.CompletedTask;
    }

    public Task OnErrorAsync(Exception exception) => Task.CompletedTask;

    Task<string[]> IFrontObserver.RoomsOf(string user) => Task.FromResult<string[]>([]);

    Task<int> IFrontObserver.InboxesOf(string user) => Task.FromResult(0);

    Task<FrontConnections> IFrontObserver.Connections(string? after, int limit, ConnectionFilter? filter) => Task.FromResult(new FrontConnections(0, []));

    Task<FrontDetails> IFrontObserver.Describe() => Task.FromResult(new FrontDetails(_id, 0));

    Task<FrontError[]> IFrontObserver.Errors(string? kind, int limit) => Task.FromResult<FrontError[]>([]);

    Task<int> IFrontObserver.Drain(bool isOn) => Task.FromResult(0);

    Task IFrontObserver.Revoke(Revocation[] entries) => Task.CompletedTask;

    Task<int> IFrontObserver.Remove(string room, string user) => Task.FromResult(0);

    Task<int> IFrontObserver.Join(string room, string user) => Task.FromResult(0);

    Task<int> IFrontObserver.Close(string connection, string? user, string? reason) => Task.FromResult(0);

    Task<int> IFrontObserver.ReauthorizeUser(string user) => Task.FromResult(0);

    Task<int> IFrontObserver.ReauthorizeRoom(string room) => Task.FromResult(0);

    Task<SessionPostResult> IFrontObserver.Post(SessionPost post) => Task.FromResult(SessionPostResult.NotFound);

    Task<CallAnswer> IFrontObserver.Call(string user, string method, byte[]? data, TimeSpan timeout) =>
        Task.FromResult(new CallAnswer(null, CallException.UserNotFound));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_subscription is { } subscription)
            await subscription.UnsubscribeAsync();
        _subscription = null;
    }

    private async Task RenewForever(IFrontObserver reference)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(500)); // as fronts do
        while (await timer.WaitForNextTickAsync(_stop.Token))
            await Renew(reference);
    }

    private Task Renew(IFrontObserver reference) =>
        _cluster.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).RenewFront(new FrontReport(_id, FrontReport.Current, 0), reference);
}
