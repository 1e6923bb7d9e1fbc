using Orleans.Configuration;
using Realtime.Silo.Rooms;
using Realtime.Silo.Users;

namespace Realtime.Silo;

/// <summary>
/// Deactivates a grain soon after a call when it has no state: reads of unused names would fill the silo with grains
/// otherwise.
/// </summary>
/// <remarks>
/// Not at once: calls that come together meet one activation, and are not forwarded from one that ends to the next. Others, as
/// after a call that was refused, are left to the collector.
/// </remarks>
internal sealed class IdleDeactivation(IGrainBase grain, Func<bool> isUnused)
{
    private static readonly TimeSpan s_delay = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long the collector leaves a grain without state. In that time a front repeats a call whose answer was lost, and a client
    /// that was cut off reconnects.
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

    public void Schedule() => _timer ??= grain.RegisterGrainTimer(
        static (deactivation, _) => deactivation.Run(), this, new GrainTimerCreationOptions(s_delay, Timeout.InfiniteTimeSpan));

    private Task Run()
    {
        _timer?.Dispose();
        _timer = null;
        if (isUnused())
            grain.DeactivateOnIdle();
        return Task.CompletedTask;
    }
}
