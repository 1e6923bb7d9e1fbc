using System.Reflection;
using Orleans;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>A cluster client that loses the answer of the first batch with a command of one kind, for good: the room has done what it says.</summary>
public class LostAnswers : DispatchProxy
{
    private object _target = null!;
    private Loss _loss = null!;

    public static IClusterClient Of<TCommand>(IClusterClient client)
        where TCommand : RoomCommand =>
        Wrap(client, new Loss(command => command is TCommand));

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var result = targetMethod!.Invoke(_target, args);
        return result switch
        {
            IRoomGrain room => Wrap(room, _loss),
            ValueTask<SubmitReply> answer when Array.Exists((RoomCommand[])args![2]!, _loss.Is) && _loss.IsFirst() => Lose(answer),
            _ => result,
        };
    }

    private static T Wrap<T>(T target, Loss loss)
        where T : class
    {
        var proxy = Create<T, LostAnswers>();
        (((LostAnswers)(object)proxy)._target, ((LostAnswers)(object)proxy)._loss) = (target, loss);
        return proxy;
    }

    private static async ValueTask<SubmitReply> Lose(ValueTask<SubmitReply> answer)
    {
        await answer;
        throw new InvalidOperationException("The answer is lost, and the call is not made again.");
    }

    private sealed class Loss(Predicate<RoomCommand> isLost)
    {
        private int _losses;

        public Predicate<RoomCommand> Is => isLost;

        public bool IsFirst() => Interlocked.Increment(ref _losses) == 1;
    }
}
