namespace Orleans.Runtime
{
    /// <summary>An interface that every grain answers without implementing it. Here there is one, <see cref="Core.Internal.IGrainManagementExtension"/>.</summary>
    public interface IGrainExtension : IAddressable;
}

namespace Orleans.Core.Internal
{
    /// <summary>Ends or moves the activation of any grain: <c>grain.AsReference&lt;IGrainManagementExtension&gt;()</c>.</summary>
    public interface IGrainManagementExtension : Runtime.IGrainExtension
    {
        /// <summary>Ends the activation once its running calls have ended.</summary>
        ValueTask DeactivateOnIdle();

        /// <summary>
        /// Moves the activation, once its running calls have ended, to the silo that its placement selects now. If that is the
        /// silo where it is, nothing happens. The call's <see cref="Runtime.RequestContext"/> may carry a
        /// <see cref="Runtime.Placement.IPlacementDirector.PlacementHintKey"/>.
        /// </summary>
        ValueTask MigrateOnIdle();
    }
}
