using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.WebFront.Calls;

/// <summary>Bounds of calls; configuration section <c>Calls</c>.</summary>
public sealed class CallOptions
{
    /// <summary>Calls of one connection that may run at once; one more is refused with <c>too_many_calls</c>. 1 to 10,000.</summary>
    [Range(1, 10_000)]
    public int MaxInFlight { get; set; } = 16;

    /// <summary>
    /// How long a method may take to answer a client. Then its cancellation token fires and the client gets <c>call_timeout</c>; a method
    /// that goes on all the same counts as running until it ends. 100 ms to 1 h.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Calls of services to one connection that may wait for its answer; one more fails with <c>too_many_calls</c>. 1 to 100,000.</summary>
    [Range(1, 100_000)]
    public int MaxWaiting { get; set; } = 100;

    internal static readonly SettingsSection Settings = new("Calls", typeof(CallOptions));
}
