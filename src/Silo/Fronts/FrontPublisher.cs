using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Realtime.PushStreams;

namespace Realtime.Silo.Fronts;

/// <summary>Puts events on the streams of fronts. One for a silo, used by all its grains.</summary>
internal sealed partial class FrontPublisher(
    [FromKeyedServices(FrontStreams.Provider)] IStreamProvider provider, ILogger<FrontPublisher> logger)
{
    private static readonly Meter s_meter = new(SiloTelemetry.MeterName);
    private static readonly Counter<long> s_events = s_meter.CreateCounter<long>(
        "realtime.stream.events", "{event}", "Events put on the streams of fronts: one per front and message.");
    private static readonly KeyValuePair<string, object?> s_message = new("realtime.event.kind", "message");
    private static readonly KeyValuePair<string, object?> s_presence = new("realtime.event.kind", "presence"); // and the positions of silos

    // One handle per front that ever was; a front's id is new at each start, so this grows by about 100 bytes a restart.
    private readonly ConcurrentDictionary<string, IAsyncStream<FrontEvent>> _streams = new();

    /// <summary>
    /// Sends the events to each front, in order; completes when the streams have taken them. A front whose stream fails
    /// is logged and keeps neither the others from theirs nor the caller from its answer.
    /// </summary>
    public Task Publish(IReadOnlyCollection<string> fronts, ReadOnlySpan<FrontEvent> events)
    {
        if (events.Length == 0 || fronts.Count == 0)
            return Task.CompletedTask;
        Count(events, fronts.Count);
        if (fronts is string[] { Length: 1 } only)
            return Push(only[0], events);
        var shared = events.ToArray();
        return Task.WhenAll(fronts.Select(front => Push(front, shared)));
    }

    private static void Count(ReadOnlySpan<FrontEvent> events, int fronts)
    {
        if (!s_events.Enabled)
            return;
        var presence = 0;
        foreach (var item in events)
        {
            if (item.IsPresence || item.Kind == FrontEventKind.Positions)
                presence++;
        }
        if (presence > 0)
            s_events.Add((long)presence * fronts, s_presence);
        if (presence < events.Length)
            s_events.Add((long)(events.Length - presence) * fronts, s_message);
    }

    private Task Push(string front, ReadOnlySpan<FrontEvent> events)
    {
        try
        {
            var stream = _streams.GetOrAdd(front, static (id, provider) => provider.GetStream<FrontEvent>(FrontStreams.Of(id)), provider);
            var pushed = events.Length == 1 ? stream.OnNextAsync(events[0]) : stream.OnNextBatchAsync(events.ToArray());
            return pushed.IsCompletedSuccessfully ? Task.CompletedTask : Observe(pushed, front);
        }
        catch (Exception exception)
        {
            LogFailed(front, exception);
            return Task.CompletedTask;
        }
    }

    private async Task Observe(Task pushed, string front)
    {
        try
        {
            await pushed;
        }
        catch (Exception exception)
        {
            LogFailed(front, exception);
        }
    }

    private void LogFailed(string front, Exception exception) => SafeLog.Write(() => LogStreamFailed(front, exception));

    [LoggerMessage(1, LogLevel.Warning, "The stream of front {Front} did not take events.")]
    private partial void LogStreamFailed(string front, Exception exception);
}
