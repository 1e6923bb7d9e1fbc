using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Realtime.PushStreams;

namespace Realtime.Silo.Logs;

/// <summary>One room's append, until its rows are written.</summary>
internal sealed class PendingAppend(LogMark mark, LogEntry[] entries)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LogMark Mark { get; } = mark;

    public LogEntry[] Entries { get; } = entries;

    public int Bytes { get; } = entries.Sum(entry => entry.Message.Body.Length);

    /// <summary>When it came; a timestamp.</summary>
    public long Since { get; } = Stopwatch.GetTimestamp();

    /// <summary>What it is part of; default when that is not traced.</summary>
    public ActivityContext Trace { get; } = SiloTracing.Current;

    public Task Done => _done.Task;

    public void Complete() => _done.TrySetResult();

    public void Fail(Exception exception) => _done.TrySetException(exception);
}

/// <summary>
/// Writes the appends of all rooms of a silo: those that wait go into one statement together, so that its cost, a
/// round trip and a wait for the disk, is shared. A room has one append at a time, so each room's are in order.
/// </summary>
internal sealed partial class LogWriter : IAsyncDisposable
{
    // Beyond these a statement gets slower by as much as it takes along. One room's append is never split.
    private const int MaxRows = 1000;
    private const int MaxBytes = 1024 * 1024;

    private static readonly Meter s_meter = new(SiloTelemetry.MeterName);
    private static readonly Counter<long> s_messages = s_meter.CreateCounter<long>("realtime.log.messages", "{message}", "Messages kept in the database.");
    private static readonly Counter<long> s_writes = s_meter.CreateCounter<long>("realtime.log.writes", "{statement}", "Statements that kept messages in the database.");
    private static readonly Counter<long> s_failures = s_meter.CreateCounter<long>("realtime.log.failures", "{append}", "Appends of rooms that failed.");

    private readonly ILogDatabase _database;
    private readonly LogOutage _outage;
    private readonly ILogger _logger;
    private readonly Channel<PendingAppend> _waiting = Channel.CreateUnbounded<PendingAppend>();
    private readonly Task[] _writers;

    public LogWriter(ILogDatabase database, LogOutage outage, ILogger logger)
    {
        (_database, _outage, _logger) = (database, outage, logger);
        _writers = [.. Enumerable.Range(0, database.ConcurrentWrites).Select(_ => Task.Run(Write))];
    }

    /// <exception cref="LogException">They may be kept or not.</exception>
    public Task Append(LogMark mark, LogEntry[] entries)
    {
        _outage.ThrowIfDown();
        var append = new PendingAppend(mark, entries);
        if (!_waiting.Writer.TryWrite(append))
            throw new LogException("The silo stops.");
        return append.Done;
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await Task.WhenAll(_writers);
    }

    private async Task Write()
    {
        var group = new List<PendingAppend>();
        while (await _waiting.Reader.WaitToReadAsync())
        {
            var (rows, bytes) = (0, 0);
            while (rows < MaxRows && bytes < MaxBytes && _waiting.Reader.TryRead(out var append))
            {
                group.Add(append);
                rows += append.Entries.Length;
                bytes += append.Bytes;
            }
            try
            {
                if (group.Count == 0)
                    continue;
                SiloMetrics.Waited(group[0].Since);
                using var activity = SiloTracing.StartWrite(group);
                await Write(group);
            }
            catch (Exception exception)
            {
                // A defect costs this group, and not the rooms that come after it.
                SafeLog.Write(() => LogFailed(group.Count, exception));
                foreach (var append in group)
                    append.Fail(new LogException("The log cannot be written.", exception));
            }
            group.Clear();
        }
    }

    private async Task Write(List<PendingAppend> group)
    {
        try
        {
            using var bound = new CancellationTokenSource(LogOpenings.StatementTimeout);
            var committed = await _database.Insert(group, bound.Token);
            _outage.Succeeded();
            s_writes.Add(1);
            foreach (var append in group)
            {
                if (!committed.Contains(append.Mark.Room))
                {
                    append.Fail(await _database.Refusal(append.Mark, bound.Token));
                    s_failures.Add(1);
                    continue;
                }
                append.Complete();
                s_messages.Add(append.Entries.Length);
            }
        }
        catch (Exception exception) when (_database.IsOfOneStatement(exception) && group.Count > 1)
        {
            // One room's rows must not cost the others theirs. Nothing of the statement was done.
            foreach (var append in group)
                await Write([append]);
        }
        catch (Exception exception)
        {
            if (!_database.IsOfOneStatement(exception))
                _database.Reset();
            var failure = _outage.Failed(exception);
            foreach (var append in group)
                append.Fail(failure);
            s_failures.Add(group.Count);
        }
    }

    [LoggerMessage(3, LogLevel.Error, "{Appends} appends of rooms failed.")]
    private partial void LogFailed(int appends, Exception exception);
}
