using Microsoft.Extensions.DependencyInjection;

namespace Realtime.Silo;

/// <summary>What a grain that keeps its state in memory does when its silo stops.</summary>
internal static class GrainMigration
{
    /// <summary>
    /// To be called in OnDeactivateAsync: if the silo stops, the grain migrates with its state, and calls that come meanwhile
    /// wait for it there. When its silo is killed, or was the last one, the state is lost.
    /// </summary>
    /// <returns>Whether it goes to another silo, for this or another reason.</returns>
    public static bool MigrateIfSiloStops(this IGrainBase grain, DeactivationReason reason)
    {
        // Without another silo there is no target, and Orleans would log that for each grain.
        if (reason.ReasonCode == DeactivationReasonCode.ShuttingDown && HasOthers(grain.GrainContext))
            grain.MigrateOnIdle();
        else if (reason.ReasonCode != DeactivationReasonCode.Migrating)
            return false;
        return true;
    }

    private static bool HasOthers(IGrainContext context) =>
        context.ActivationServices.GetRequiredService<IClusterMembershipService>().CurrentSnapshot.Members.Values
            .Any(member => member.Status == SiloStatus.Active && member.SiloAddress != context.Address.SiloAddress);
}
