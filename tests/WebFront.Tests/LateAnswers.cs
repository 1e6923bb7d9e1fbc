using System.Reflection;
using Orleans;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>A cluster client to which rooms answer late: what they push comes before, as it may on any network.</summary>
public class LateAnswers : DispatchProxy
{
    /// <summary>A push within one process takes a millisecond or so.</summary>
    private static readonly TimeSpan s_late = TimeSpan.FromMilliseconds(200);

    private object _target = null!;

    public static IClusterClient Of(IClusterClient client) => Wrap(client);

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var result = targetMethod!.Invoke(_target, args);
        return result switch
        {
            IRoomGrain room => Wrap(room),
            ValueTask<SubmitReply> answer => Late(answer),
            _ => result,
        };
    }

    private static T Wrap<T>(T target)
        where T : class
    {
        var proxy = Create<T, LateAnswers>();
        ((LateAnswers)(object)proxy)._target = target;
        return proxy;
    }

    private static async ValueTask<SubmitReply> Late(ValueTask<SubmitReply> answer)
    {
        var reply = await answer;
        await Task.Delay(s_late);
        return reply;
    }
}
