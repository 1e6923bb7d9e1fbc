namespace Realtime.WebFront;

/// <summary>What a front needs before it can serve, as its host has it. Optional; <c>/health/ready</c> reports it.</summary>
public interface IFrontDependency
{
    /// <summary>What it waits for, in a sentence; null when it waits for nothing.</summary>
    string? WaitsFor { get; }
}
