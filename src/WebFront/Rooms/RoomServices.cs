using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.WebFront.Operation;
using Realtime.WebFront.Users;

namespace Realtime.WebFront.Rooms;

/// <summary>What all rooms of a front share.</summary>
internal sealed partial class RoomServices
{
    private readonly ILogger<LocalRoom> _logger;

    public RoomServices(
        GrainCalls calls, ConnectionRegistry registry, SlowConsumers slowConsumers, DirectTopics directs, RecentErrors recent, IOptions<FrontOptions> options,
        TimeProvider time, IMeterFactory meters, ILogger<LocalRoom> logger)
    {
        (Calls, Registry, SlowConsumers, Directs, Recent, Options, Time, _logger) = (calls, registry, slowConsumers, directs, recent, options.Value, time, logger);
        Meter = meters.Create(FrontTelemetry.MeterName);
        Repairs = Meter.CreateCounter<long>("realtime.front.repairs", "{repair}", "Times that a room was asked for what had not come.");
    }

    public GrainCalls Calls { get; }

    public ConnectionRegistry Registry { get; }

    public SlowConsumers SlowConsumers { get; }

    public DirectTopics Directs { get; }

    public RecentErrors Recent { get; }

    public FrontOptions Options { get; }

    public TimeProvider Time { get; }

    public Meter Meter { get; }

    /// <summary>Counts syncs.</summary>
    public Counter<long> Repairs { get; }

    [LoggerMessage(1, LogLevel.Warning, "Room {Room} did not answer a call with {Commands} commands.")]
    public partial void LogCallFailed(string room, int commands, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "Events for room {Room} could not be delivered.")]
    public partial void LogDispatchFailed(string room, Exception exception);

    [LoggerMessage(4, LogLevel.Warning, "Room {Room} lacks {Events} events (-1: it is new); they are fetched.")]
    public partial void LogGap(string room, long events);

    [LoggerMessage(5, LogLevel.Error, "{Messages} messages of room {Room} are gone from its log.")]
    public partial void LogLost(string room, long messages);

    [LoggerMessage(7, LogLevel.Error, "An answer of room {Room} could not be given to the connection that waits for it, which is closed.")]
    public partial void LogAnswerFailed(string room, Exception exception);
}
