using System.Reflection;
using Orleans;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>A cluster client that throws at once, where others give a task that fails later: for rooms of one name.</summary>
public class FaultyGrains : DispatchProxy
{
    public const string Room = "faulty";

    private object _target = null!;

    public static IClusterClient Of(IClusterClient client)
    {
        var proxy = Create<IClusterClient, FaultyGrains>();
        ((FaultyGrains)(object)proxy)._target = client;
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        targetMethod!.Name == nameof(IGrainFactory.GetGrain) && args![0] is Room
            ? throw new InvalidOperationException("This room's grain is never given.")
            : targetMethod.Invoke(_target, args);
}
