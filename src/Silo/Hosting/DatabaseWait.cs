using Microsoft.Extensions.Logging;
using Realtime.PushStreams;

namespace Realtime.Silo.Hosting;

/// <summary>A silo waits for its database, and logs what it waits for.</summary>
internal sealed partial class DatabaseWait(SiloState state, TimeProvider time, ILogger<DatabaseWait> logger)
{
    /// <summary>Tries until it succeeds.</summary>
    /// <param name="attempt">What is tried.</param>
    /// <param name="explain">Which database it is and what is wrong with it; null for an exception that it did not make.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task Until(Func<CancellationToken, Task> attempt, Func<Exception, string?> explain, CancellationToken cancellation)
    {
        var backoff = new Backoff(first: TimeSpan.FromSeconds(1), longest: TimeSpan.FromSeconds(15));
        while (true)
        {
            try
            {
                await attempt(cancellation);
                return;
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested && explain(exception) is { } what)
            {
                var wait = backoff.Next();
                state.Wait(what);
                LogWaits(what, wait.TotalSeconds);
                await Task.Delay(wait, time, cancellation);
            }
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "{What}; trying again in {Seconds:0.0} s.")]
    private partial void LogWaits(string what, double seconds);
}
