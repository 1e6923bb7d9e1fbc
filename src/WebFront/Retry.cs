using System.Runtime.ExceptionServices;
using Orleans.Runtime;
using Realtime.PushStreams;

namespace Realtime.WebFront;

/// <summary>Repeats calls that fail while a silo dies. They must be idempotent.</summary>
internal static class Retry
{
    private static readonly TimeSpan s_first = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(500);

    /// <summary>Repeats the call after failures that pass by themselves, until the bound; then its last exception is thrown.</summary>
    public static async Task<T> Transient<T>(Func<Task<T>> call, TimeSpan bound, TimeProvider time, Random? random = null)
    {
        var start = time.GetTimestamp();
        try
        {
            return await call();
        }
        catch (Exception exception)
        {
            return await After(exception, call, start, bound, time, random);
        }
    }

    /// <summary>The same for a call that has begun at <paramref name="start"/> and failed.</summary>
    public static async Task<T> After<T>(Exception failure, Func<Task<T>> call, long start, TimeSpan bound, TimeProvider time, Random? random = null)
    {
        var backoff = new Backoff(s_first, s_longest, random);
        while (IsTransient(failure) && backoff.Next() is var pause && time.GetElapsedTime(start) + pause < bound)
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

    // A rejection: the call did not run. A time-out: it may have run. Both are what callers see of a silo that dies. Orleans
    // cancels a call whose time ran out before its grain was placed.
    private static bool IsTransient(Exception exception) =>
        exception is TimeoutException or OrleansException or OperationCanceledException;
}
