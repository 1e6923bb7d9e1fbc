using Orleans;
using Orleans.Runtime;
using Orleans.Streams;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront;

/// <summary>
/// The life of a front: subscribes to its stream and announces itself before clients are served, and takes itself out
/// after the last of them has gone.
/// </summary>
internal sealed class FrontService(IClusterClient cluster, RoomRouter router, ConnectionRegistry registry) : IHostedService, IFrontObserver
{
    private StreamSubscriptionHandle<FrontEvent>? _subscription;
    private IFrontObserver? _reference;

    /// <summary>The front hears its stream.</summary>
    public bool IsReady { get; private set; }

    private IFrontDirectoryGrain Directory => cluster.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var stream = cluster.GetStreamProvider(FrontStreams.Provider).GetStream<FrontEvent>(FrontStreams.Of(router.Front));
        _subscription = await stream.SubscribeAsync(router);
        _reference = cluster.CreateObjectReference<IFrontObserver>(this);
        await Directory.Register(router.Front, _reference);
        IsReady = true;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        IsReady = false;
        if (_subscription is null)
            return;
        await Directory.Unregister(router.Front);
        await _subscription.UnsubscribeAsync();
        cluster.DeleteObjectReference<IFrontObserver>(_reference!);
    }

    Task<string[]> IFrontObserver.RoomsOf(string user)
    {
        var rooms = registry.GetUser(user).SelectMany(registry.RoomsOf).Distinct();
        return Task.FromResult(rooms.ToArray());
    }
}
