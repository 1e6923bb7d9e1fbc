using System.Net;
using CsCheck;

namespace Realtime.Fuzz.Tests;

/// <summary>One generated input, and what must come of it.</summary>
internal abstract class FuzzCase
{
    /// <summary>Sends it and checks what comes back.</summary>
    /// <exception cref="FuzzFailure">Something else came.</exception>
    public abstract Task Run(FuzzTarget target);
}

/// <summary>Who a case speaks as, and to whom.</summary>
/// <param name="Server">The server.</param>
/// <param name="Source">A loopback address of this worker's own, so that closed connections do not use up the ports.</param>
/// <param name="User">A user that no other case has at the same time, and that is not the polite one.</param>
internal sealed record FuzzTarget(IPEndPoint Server, IPAddress Source, string User);

/// <summary>The server did what it must not.</summary>
internal sealed class FuzzFailure(string message) : Exception(message);

/// <summary>A kind of input: its generator, and its share of the cases.</summary>
internal sealed record FuzzKind(string Name, int Share, Gen<FuzzCase> Cases)
{
    /// <summary>The case with a number: always the same one for the same seed.</summary>
    public FuzzCase Case(ulong seed, int number)
    {
        // Neighbours have nothing in common: the last step of SplitMix64.
        var mixed = seed * 0x9E3779B97F4A7C15 + (ulong)number + 1;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return Cases.Generate(new PCG((uint)number, mixed ^ (mixed >> 31)), null!, out _);
    }
}
