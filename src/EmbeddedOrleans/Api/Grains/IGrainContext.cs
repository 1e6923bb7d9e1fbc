namespace Orleans.Runtime;

/// <summary>One activation of a grain.</summary>
public interface IGrainContext : IEquatable<IGrainContext>
{
    GrainReference GrainReference { get; }

    GrainId GrainId { get; }

    object? GrainInstance { get; }

    ActivationId ActivationId { get; }

    GrainAddress Address { get; }

    /// <summary>Services with this activation's own scope.</summary>
    IServiceProvider ActivationServices { get; }

    /// <summary>Completes when the activation has gone.</summary>
    Task Deactivated { get; }

    /// <summary>Ends the activation once its running calls have ended.</summary>
    void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default);

    /// <summary>
    /// Ends the activation once its running calls have ended; if placement, given this request context, then selects another
    /// silo, it goes on there with what an <see cref="IGrainMigrationParticipant"/> sends along. Calls wait meanwhile. Also from
    /// OnDeactivateAsync, whatever the reason.
    /// </summary>
    void Migrate(Dictionary<string, object>? requestContext, CancellationToken cancellationToken = default);

    TComponent? GetComponent<TComponent>() where TComponent : class;

    /// <summary>Keeps an object with the activation; null removes it.</summary>
    void SetComponent<TComponent>(TComponent? value) where TComponent : class;
}

/// <summary>Gives the context of the grain that is running.</summary>
public interface IGrainContextAccessor
{
    IGrainContext GrainContext { get; }
}

/// <summary>What the current thread is running.</summary>
public static class RuntimeContext
{
    /// <summary>The activation whose turn the current thread runs, or null.</summary>
    public static IGrainContext? Current => Embedded.Activation.Running;
}
