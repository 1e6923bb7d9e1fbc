using Orleans.Configuration;
using Realtime.Silo.Rooms;
using Realtime.Silo.Users;

namespace Realtime.Silo;

/// <summary>
/// Takes a grain out of memory soon after it was asked for and holds nothing: who reads names that nobody uses would fill
/// the silo with them.
/// </summary>
/// <remarks>
/// Not at once: calls that come together meet one activation, and are not passed on from one that goes to the next. What is
/// not caught here, as after a call that was refused, goes with the collector.
/// </remarks>
internal sealed class Departure(IGrainBase grain, Func<bool> holdsNothing)
{
    private static readonly TimeSpan s_delay = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long the collector leaves a grain that holds nothing. In that time a front makes a call again whose answer was lost,
    /// and who was away for a moment comes back.
    /// </summary>
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(30);

    private IGrainTimer? _timer;

    /// <summary>Orleans leaves grains for a quarter of an hour.</summary>
    public static void Configure(GrainCollectionOptions options)
    {
        options.CollectionQuantum = TimeSpan.FromSeconds(10);
        options.ClassSpecificCollectionAge[typeof(RoomGrain).FullName!] = s_idle;
        options.ClassSpecificCollectionAge[typeof(UserGrain).FullName!] = s_idle;
        options.ClassSpecificCollectionAge[typeof(UserPartitionGrain).FullName!] = s_idle;
    }

    public void Soon() => _timer ??= grain.RegisterGrainTimer(
        static (departure, _) => departure.Go(), this, new GrainTimerCreationOptions(s_delay, Timeout.InfiniteTimeSpan));

    private Task Go()
    {
        _timer?.Dispose();
        _timer = null;
        if (holdsNothing())
            grain.DeactivateOnIdle();
        return Task.CompletedTask;
    }
}
