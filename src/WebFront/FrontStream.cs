using Orleans;
using Orleans.Runtime;
using Orleans.Streams;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront;

/// <summary>The subscription to this front's stream. A stream that brings nothing is dead, and is subscribed to anew.</summary>
internal sealed partial class FrontStream(
    IClusterClient cluster, GrainCalls calls, EventRouter router, LocalRooms rooms, ILogger<FrontStream> logger)
{
    // Three times the period in which each silo announces its positions.
    private static readonly TimeSpan s_maxSilence = TimeSpan.FromSeconds(6);

    private StreamSubscriptionHandle<FrontEvent>? _subscription;

    public bool IsSubscribed => _subscription is not null;

    public async Task EnsureSubscribed()
    {
        if (_subscription is { } dead)
        {
            if (router.Silence <= s_maxSilence)
                return;
            LogSilent(router.Silence);
            _subscription = null;
            // What is left of it in the cluster ends by itself.
            await dead.UnsubscribeAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        var stream = cluster.GetStreamProvider(FrontStreams.Provider).GetStream<FrontEvent>(FrontStreams.Of(calls.Front));
        _subscription = await stream.SubscribeAsync(router);
        router.Begin();
        rooms.Sync();
    }

    public Task Unsubscribe() => _subscription?.UnsubscribeAsync() ?? Task.CompletedTask;

    [LoggerMessage(1, LogLevel.Warning, "The front's stream has brought nothing for {Silence}; it is subscribed to anew.")]
    private partial void LogSilent(TimeSpan silence);
}
