using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Realtime.PushStreams;

namespace Realtime.Silo.Logs;

/// <summary>
/// Deletes what rooms retain no more, a bounded number of rows at a time: by count for the rooms
/// of this silo, by age for all, as the silo of a room may be down.
/// </summary>
internal abstract partial class LogTrimmer(ILogDatabase database, TimeProvider time, ILogger<LogTrimmer> logger) : BackgroundService
{
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(5);

    /// <summary>Ages are looked at in every such round: half a minute more or less is nothing to a message that is old.</summary>
    private const int RoundsPerSweep = 6;

    protected TimeProvider Time => time;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Task.Delay(Backoff.Part(s_period), time, stoppingToken); // silos that have started together do not go on in step
            using var timer = new PeriodicTimer(s_period, time);
            for (var round = 0; await timer.WaitForNextTickAsync(stoppingToken); round++)
            {
                try
                {
                    await TrimCounts(stoppingToken);
                    if (round % RoundsPerSweep == 0)
                        await TrimAges(stoppingToken);
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    // What is left is trimmed later, by age at the latest.
                    SafeLog.Write(() => LogFailed(database.IsProblem(exception) ? LogLevel.Debug : LogLevel.Error, exception.Message, exception));
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The silo stops.
        }
    }

    /// <summary>Messages that the rooms of this silo do not retain.</summary>
    public abstract Task TrimCounts(CancellationToken cancellation = default);

    /// <summary>Messages and ids that are too old for every room, and rooms that nobody has used for long.</summary>
    public abstract Task TrimAges(CancellationToken cancellation = default);

    [LoggerMessage(EventId = 1, Message = "Messages could not be trimmed now: {Reason}")]
    private partial void LogFailed(LogLevel level, string reason, Exception exception);
}
