using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.Silo.Hooks;

/// <summary>How long hooks of the application may take; configuration section <c>Hooks</c>.</summary>
public sealed class HookOptions
{
    /// <summary>
    /// How long all hooks together may take to decide about a message; then its publish fails with <c>unavailable</c>. What comes to the room meanwhile
    /// waits. 10 ms to 1 s: fronts make a call again that has no answer after 1.2 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:00:01")]
    public TimeSpan PublishTimeout { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a hook may take over something that it is told. 10 ms to 5 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:05:00")]
    public TimeSpan EventTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How much of a room may wait for slow hooks; what comes beyond is not told, and counted. 1 to 1,000,000.</summary>
    [Range(1, 1_000_000)]
    public int QueueEvents { get; set; } = 1000;

    /// <summary>The bodies among it. 1,024 to 1 GiB.</summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int QueueBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>
    /// How many calls of hooks may run in the silo, those among them that go on after their time. Beyond it no hook is called: a publish that one
    /// would be asked about fails with <c>unavailable</c>. 1 to 100,000.
    /// </summary>
    [Range(1, 100_000)]
    public int MaxRunning { get; set; } = 1000;

    internal static readonly SettingsSection Settings = new("Hooks", typeof(HookOptions));
}
