using System.Collections.Concurrent;

namespace Realtime.EmbeddedOrleans.Tests;

/// <summary>Lets a test hold a grain's call and let it go, since both are in one process. Gates have names.</summary>
public static class Gates
{
    private static readonly ConcurrentDictionary<string, TaskCompletionSource> s_sources = new();

    /// <summary>Something that happens once.</summary>
    public static TaskCompletionSource Get(string name) => s_sources.GetOrAdd(name, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>For the grain: says that it has come, and waits.</summary>
    public static Task Enter(string name)
    {
        Get(name + " begun").TrySetResult();
        return Get(name).Task;
    }

    /// <summary>For the test: calls that are not awaited can arrive in another order, so it waits until the first has begun.</summary>
    public static Task Begun(string name) => Get(name + " begun").Task.Soon();

    public static void Open(string name) => Get(name).SetResult();
}
