using System.Reflection;
using Orleans;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>A cluster client in which no message to a user arrives: each call is one whose silo does not answer.</summary>
public class UnreachableUsers : DispatchProxy
{
    private object _target = null!;

    public static IClusterClient Of(IClusterClient client) => Wrap(client);

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name == nameof(IUserPartitionGrain.Send)
        ? Task.FromException<DirectReceipt>(new TimeoutException("The silo does not answer."))
        : targetMethod.Invoke(_target, args) is var result && result is IUserPartitionGrain partition ? Wrap(partition) : result;

    private static T Wrap<T>(T target)
        where T : class
    {
        var proxy = Create<T, UnreachableUsers>();
        ((UnreachableUsers)(object)proxy)._target = target;
        return proxy;
    }
}
