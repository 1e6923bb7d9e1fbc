using Realtime.Grains;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Users;

namespace Realtime.WebFront;

/// <summary>After the loss of a silo, or of this front's lease: rooms and users are told anew who is here.</summary>
internal sealed partial class SiloRecovery(LocalRooms rooms, LocalUsers users, TimeProvider time, ILogger<SiloRecovery> logger)
{
    // After a silo is lost its grains come up elsewhere within seconds; so long everything is compared with the list.
    private static readonly TimeSpan s_duration = TimeSpan.FromSeconds(30);

    private string[]? _silos; // that were up last time
    private long _begin; // timestamp; 0 when all is well

    /// <summary>Compares what is here with the silos that are up.</summary>
    public void Compare(ClusterView view)
    {
        if (_silos is not null && (!view.WasKnown || _silos.Except(view.Silos).Any()))
        {
            _begin = time.GetTimestamp();
            LogRecovering(view.Silos.Length);
            if (!view.WasKnown)
                view = view with { Silos = [] }; // the directory has dropped this front, or is new: everything is told anew
        }
        _silos = view.Silos;
        users.Compare(_begin == 0 ? null : view.Silos);
        rooms.SyncOutOfStep();
        if (_begin == 0)
            return;
        rooms.SyncUnlessOn(view.Silos);
        if (time.GetElapsedTime(_begin) > s_duration)
            _begin = 0;
    }

    [LoggerMessage(1, LogLevel.Warning, "A silo is lost; {Silos} are up. Rooms and users are told anew who is here.")]
    private partial void LogRecovering(int silos);
}
