using System.Runtime.CompilerServices;

namespace Realtime.Connections.Tests.Support;

/// <summary>Bounds on every wait, so that a test that would hang fails and says where.</summary>
public static class Waiting
{
    private const int Seconds = 15; // far above what anything here takes, on a machine that also builds

    public static async Task Within(this Task task, int seconds = Seconds, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        try
        {
            await task.WaitAsync(TimeSpan.FromSeconds(seconds));
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"Took longer than {seconds} s: {what}", e);
        }
    }

    public static async Task<T> Within<T>(this Task<T> task, int seconds = Seconds, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        await ((Task)task).Within(seconds, what);
        return await task;
    }

    public static Task<T> Within<T>(this ValueTask<T> task, int seconds = Seconds, [CallerArgumentExpression(nameof(task))] string what = "") => task.AsTask().Within(seconds, what);

    public static Task Within(this ValueTask task, int seconds = Seconds, [CallerArgumentExpression(nameof(task))] string what = "") => task.AsTask().Within(seconds, what);

    /// <summary>For what has no event: looks every few milliseconds.</summary>
    public static async Task Until(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        for (int i = 0; !condition(); i++)
        {
            if (i > Seconds * 100)
                throw new TimeoutException($"Did not come true: {what}");
            await Task.Delay(10);
        }
    }
}
