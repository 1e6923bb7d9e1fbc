namespace Realtime.EmbeddedOrleans.Tests;

/// <summary>Bounded waits: a test that waits in vain fails instead of hanging.</summary>
internal static class Wait
{
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    public static Task Soon(this Task task) => task.WaitAsync(Longest);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Longest);

    /// <summary>For what cannot be awaited: asks until the answer is yes.</summary>
    public static async Task Until(Func<Task<bool>> condition)
    {
        var end = DateTime.UtcNow + Longest;
        while (!await condition().Soon())
        {
            Assert.True(DateTime.UtcNow < end, "What was waited for did not come.");
            await Task.Delay(10);
        }
    }
}
