namespace Realtime.WebFront;

/// <summary>What a front needs before it can serve, as its host knows it. Optional; <c>/health/ready</c> tells it.</summary>
public interface IFrontDependency
{
    /// <summary>What it waits for, in a sentence; null when it waits for nothing.</summary>
    string? WaitsFor { get; }
}
