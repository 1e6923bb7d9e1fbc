using System.Diagnostics;
using Realtime.Grains;
using Realtime.PushStreams;

namespace Realtime.WebFront.Rooms;

/// <summary>Gives the room's events to its members here, and measures that.</summary>
internal sealed partial class LocalRoom
{
    private void OnFanOutDue()
    {
        try
        {
            FlushDelayed();
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => _services.LogDispatchFailed(Name, exception));
        }
    }

    private void FlushDelayed()
    {
        lock (Gate)
        {
            if (_rest is null)
                _pacer.Flush();
        }
    }

    void ITimelineHost.FanOut(ReadOnlySpan<FrontEvent> events)
    {
        var start = Stopwatch.GetTimestamp();
        var activity = FrontTracing.StartFanOut(events);
        _audience.FanOut(events);
        FrontTracing.Stop(activity);
        FrontMetrics.FannedOut(events, start, _services.Registry.CountRoom(Name), _services.Time);
    }

    void ITimelineHost.FanOutToEarlier(FrontEvent item)
    {
        var start = Stopwatch.GetTimestamp();
        var activity = FrontTracing.StartFanOut([item]);
        _audience.FanOutToEarlier(item);
        FrontTracing.Stop(activity);
        FrontMetrics.FannedOut([item], start, _services.Registry.CountRoom(Name), _services.Time);
    }

    private static void EndPublish(in PendingCommand publish, string? refusal)
    {
        FrontMetrics.Published(publish.Since, refusal);
        FrontTracing.End(publish.Activity, refusal);
    }
}
