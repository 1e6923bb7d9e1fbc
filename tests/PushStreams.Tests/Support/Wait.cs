namespace Realtime.PushStreams.Tests.Support;

/// <summary>Bounded waits: a test that waits in vain fails instead of hanging.</summary>
internal static class Wait
{
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    public static Task Soon(this Task task) => task.WaitAsync(Longest);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Longest);

    /// <summary>For what cannot be awaited: asks until the answer is yes.</summary>
    public static async Task Until(Func<bool> condition, Func<string>? state = null)
    {
        var end = DateTime.UtcNow + Longest;
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < end, "What was waited for did not come. " + state?.Invoke());
            await Task.Delay(10);
        }
    }
}
