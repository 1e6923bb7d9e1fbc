using System.Diagnostics;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront;

/// <summary>
/// The activities of a front: a publish until its answer, the call that takes it to its room, and its fan-out. Where nobody listens, and for
/// what is not sampled, there is nothing.
/// </summary>
internal static class FrontTracing
{
    private static readonly ActivitySource s_source = new(FrontTelemetry.ActivitySourceName);

    /// <summary>A client publishes. What runs around it, as the request of its connection, has no part in it.</summary>
    /// <param name="traceparent">What the client says that it is part of; what is no <c>traceparent</c> of W3C Trace Context counts as none.</param>
    public static Activity? StartPublish(string room, string? traceparent)
    {
        if (!s_source.HasListeners())
            return null;
        var parent = default(ActivityContext);
        if (traceparent is not null)
            _ = ActivityContext.TryParse(traceparent, null, isRemote: true, out parent);
        return Start("realtime publish", ActivityKind.Server, parent, null)?.SetTag("messaging.system", "realtime").SetTag("messaging.destination.name", room);
    }

    /// <summary>What a publish carries: it is traced, or measured as one of many.</summary>
    public static MessageTrace? Of(Activity? publish, TimeProvider time) => publish is { Recorded: true }
        ? new MessageTrace(MessageTrace.Microseconds(time.GetUtcNow()), publish.Id)
        : FrontMetrics.Sample(time);

    /// <summary>The publish is answered.</summary>
    /// <param name="refusal">The code of the error; null for a success.</param>
    public static void End(Activity? publish, string? refusal)
    {
        if (publish is null)
            return;
        if (refusal is not null)
            publish.SetStatus(ActivityStatusCode.Error).SetTag("error.type", refusal);
        Stop(publish);
    }

    /// <summary>A call with commands, in the trace of its first publish that has one, and linked to the others.</summary>
    public static Activity? StartCall(in CommandBatch batch)
    {
        if (!s_source.HasListeners())
            return null;
        Activity? first = null;
        List<ActivityLink>? others = null;
        for (var i = 0; i < batch.Count; i++)
        {
            if (batch[i].Activity is not { } publish)
                continue;
            if (first is null)
                first = publish;
            else
                (others ??= []).Add(new ActivityLink(publish.Context));
        }
        return first is null ? null : Start("realtime room call", ActivityKind.Client, first.Context, others);
    }

    /// <summary>Events of a room go to its members, in the trace of the first that has one, and linked to those of the others.</summary>
    public static Activity? StartFanOut(ReadOnlySpan<FrontEvent> events)
    {
        if (!s_source.HasListeners())
            return null;
        ActivityContext? first = null;
        List<ActivityLink>? others = null;
        foreach (var item in events)
        {
            if (item.Trace?.Parent is not { } parent || !ActivityContext.TryParse(parent, null, isRemote: true, out var context))
                continue;
            if (first is null)
                first = context;
            else
                (others ??= []).Add(new ActivityLink(context));
        }
        return first is { } trace ? Start("realtime fan-out", ActivityKind.Consumer, trace, others) : null;
    }

    /// <summary>Ends an activity; what is current here stays so.</summary>
    public static void Stop(Activity? activity)
    {
        if (activity is null)
            return;
        var around = Activity.Current;
        activity.Stop();
        Activity.Current = around;
    }

    /// <summary>Begins one that is current nowhere: it ends elsewhere.</summary>
    private static Activity? Start(string name, ActivityKind kind, ActivityContext parent, List<ActivityLink>? links)
    {
        var around = Activity.Current;
        Activity.Current = null;
        var activity = s_source.StartActivity(name, kind, parent, tags: null, links);
        Activity.Current = around;
        return activity;
    }
}
