using Realtime.Silo.Fronts;

namespace Realtime.Silo;

/// <summary>What a grain that keeps its state in memory does when its silo stops.</summary>
internal static class HandOver
{
    /// <summary>
    /// To be called in OnDeactivateAsync: if the silo stops, the grain goes on elsewhere with what it holds, and calls that
    /// come meanwhile wait for it there. When its silo is killed, or was the last one, what it holds is lost.
    /// </summary>
    public static void HandOverIfSiloStops(this IGrainBase grain, DeactivationReason reason, SiloLease lease)
    {
        // Alone there is nowhere to go, and Orleans would say so for each grain.
        if (reason.ReasonCode == DeactivationReasonCode.ShuttingDown && !lease.IsAlone)
            grain.MigrateOnIdle();
    }
}
