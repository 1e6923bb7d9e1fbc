using System.Diagnostics;
using Realtime.Silo.Logs;

namespace Realtime.Silo;

/// <summary>
/// The activities of a silo: a room's turn, its append, what the log writes for several rooms, and the streams. Where nobody listens, and for what
/// is not sampled, there is nothing.
/// </summary>
internal static class SiloTracing
{
    private static readonly ActivitySource s_source = new(SiloTelemetry.ActivitySourceName);

    /// <summary>A turn in which clients' publishes are applied: in the trace of the call, or of the first publish that has one, and linked to the others.</summary>
    public static Activity? StartTurn(RoomCommand[] commands)
    {
        if (!s_source.HasListeners())
            return null;
        ActivityContext? first = null;
        List<ActivityLink>? others = null;
        foreach (var command in commands)
        {
            if (command is not PublishCommand { Trace.Parent: { } parent } || !ActivityContext.TryParse(parent, null, isRemote: true, out var context))
                continue;
            if (first is null)
                first = context;
            else
                (others ??= []).Add(new ActivityLink(context));
        }
        return first is { } trace ? s_source.StartActivity("realtime room turn", ActivityKind.Server, Activity.Current?.Context ?? trace, tags: null, others) : null;
    }

    /// <summary>A turn of a service, in the trace of its call.</summary>
    public static Activity? StartTurn() =>
        s_source.HasListeners() && Activity.Current is not null ? s_source.StartActivity("realtime room turn", ActivityKind.Server) : null;

    /// <summary>The commands, whose events are then part of the turn.</summary>
    public static RoomCommand[] Under(Activity? turn, RoomCommand[] commands) => turn is not { Recorded: true } ? commands
        : [.. commands.Select(command => command is PublishCommand { Trace: { Parent: not null } trace } publish ? publish with { Trace = trace with { Parent = turn.Id } } : command)];

    /// <summary>What a message of a service carries: the turn that it is made in.</summary>
    public static MessageTrace? OfTurn(TimeProvider time) =>
        IsInTurn && Activity.Current is { Recorded: true, Id: { } id } ? new MessageTrace(MessageTrace.Microseconds(time.GetUtcNow()), id) : null;

    /// <summary>The log is given what a turn keeps.</summary>
    public static Activity? StartAppend() => IsInTurn ? s_source.StartActivity("realtime log append") : null;

    /// <summary>The streams are given what a turn tells.</summary>
    public static Activity? StartStream() => IsInTurn ? s_source.StartActivity("realtime stream publish", ActivityKind.Producer) : null;

    /// <summary>What an append is part of, for who writes it later.</summary>
    public static ActivityContext Current => IsInTurn ? Activity.Current!.Context : default;

    /// <summary>Appends are written together: in the trace of the first that has one, and linked to the others.</summary>
    public static Activity? StartWrite(List<PendingAppend> group)
    {
        if (!s_source.HasListeners())
            return null;
        var traced = group.Where(append => append.Trace != default).ToArray();
        return traced.Length == 0 ? null
            : s_source.StartActivity("realtime log write", ActivityKind.Internal, traced[0].Trace, tags: null, traced.Skip(1).Select(append => new ActivityLink(append.Trace)));
    }

    private static bool IsInTurn => s_source.HasListeners() && Activity.Current?.Source == s_source;
}
