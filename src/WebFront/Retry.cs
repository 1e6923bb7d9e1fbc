using System.Runtime.ExceptionServices;
using Orleans.Runtime;

namespace Realtime.WebFront;

/// <summary>Calls that meet a dying silo are made again. They must be such that a repeat does no harm.</summary>
internal static class Retry
{
    private static readonly TimeSpan s_first = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_most = TimeSpan.FromMilliseconds(500);

    /// <summary>Repeats the call after failures that pass by themselves, until the bound; then its last exception is thrown.</summary>
    public static async Task<T> Transient<T>(Func<Task<T>> call, TimeSpan bound, TimeProvider time)
    {
        var start = time.GetTimestamp();
        try
        {
            return await call();
        }
        catch (Exception exception)
        {
            return await After(exception, call, start, bound, time);
        }
    }

    /// <summary>The same for a call that has begun at <paramref name="start"/> and failed.</summary>
    public static async Task<T> After<T>(Exception failure, Func<Task<T>> call, long start, TimeSpan bound, TimeProvider time)
    {
        for (var pause = s_first; IsTransient(failure) && time.GetElapsedTime(start) + pause < bound; pause = pause * 2 < s_most ? pause * 2 : s_most)
        {
            await Task.Delay(pause, time);
            try
            {
                return await call();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        }
        ExceptionDispatchInfo.Throw(failure);
        throw failure;
    }

    // A rejection: the call did not run. A time-out: it may have run. Both are what callers see of a silo that dies.
    private static bool IsTransient(Exception exception) =>
        exception is TimeoutException or OrleansException;
}
