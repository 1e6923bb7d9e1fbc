using System.Reflection;
using Orleans;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>A cluster client in which what a front tells the partitions of users passes through the test.</summary>
public class PartitionCalls : DispatchProxy
{
    private object _target = null!;
    private Func<UserChange[], Func<ValueTask<UsersReply>>, ValueTask<UsersReply>> _pass = null!;

    /// <param name="client">The real one.</param>
    /// <param name="pass">Given the changes and the call itself.</param>
    public static IClusterClient Of(IClusterClient client, Func<UserChange[], Func<ValueTask<UsersReply>>, ValueTask<UsersReply>> pass) => Wrap(client, pass);

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name == nameof(IUserPartitionGrain.Submit)
        ? _pass((UserChange[])args![3]!, () => (ValueTask<UsersReply>)targetMethod.Invoke(_target, args)!)
        : targetMethod.Invoke(_target, args) is var result && result is IUserPartitionGrain partition ? Wrap(partition, _pass) : result;

    private static T Wrap<T>(T target, Func<UserChange[], Func<ValueTask<UsersReply>>, ValueTask<UsersReply>> pass)
        where T : class
    {
        var proxy = Create<T, PartitionCalls>();
        ((PartitionCalls)(object)proxy)._target = target;
        ((PartitionCalls)(object)proxy)._pass = pass;
        return proxy;
    }
}
