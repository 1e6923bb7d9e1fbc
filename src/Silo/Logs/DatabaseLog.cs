using Realtime.Silo.Rooms;

namespace Realtime.Silo.Logs;

/// <summary>One room's, small: there may be many.</summary>
internal sealed class DatabaseLog(LogWriter writer, TrimList trims, LogMark mark, long trimmed = 0) : IRoomLog
{
    private long _trimmed = trimmed;

    public LogMark Mark => mark;

    public ValueTask Append(ReadOnlySpan<LogEntry> entries) => new(writer.Append(mark, entries.ToArray()));

    public void Trim(long before)
    {
        if (before - _trimmed < TrimList.Step)
            return;
        _trimmed = before;
        trims.Add(mark.Room, before);
    }
}

/// <summary>Opens logs in a database, a few at once, while it takes anything.</summary>
internal sealed class LogOpenings(ILogDatabase database, LogOutage outage, int slots, TimeProvider time)
{
    /// <summary>
    /// How long a statement may take. Below the 5 s of a call between silos, so that its caller gets the error; and a database
    /// that does not answer for so long counts as down.
    /// </summary>
    public static readonly TimeSpan StatementTimeout = TimeSpan.FromSeconds(3);

    /// <summary>How long an opening waits for others. With a statement, below the 5 s of a call.</summary>
    private static readonly TimeSpan s_wait = TimeSpan.FromSeconds(1.5);

    private readonly OpeningQueue _queue = new(slots, time);

    /// <exception cref="LogException">It cannot be read now.</exception>
    public async ValueTask<OpenedLog?> Run(string user, Func<CancellationToken, Task<OpenedLog?>> read)
    {
        outage.ThrowIfDown();
        if (!await _queue.Wait(user, s_wait))
        {
            SiloLimits.Met(SiloLimits.Openings);
            throw new LogException("The log is busy with other rooms.");
        }
        try
        {
            // What has waited here says nothing about the database: its time begins now.
            using var bound = new CancellationTokenSource(StatementTimeout);
            var opened = await read(bound.Token);
            outage.Succeeded();
            return opened;
        }
        catch (Exception exception) when (database.IsProblem(exception))
        {
            if (!database.IsOfOneStatement(exception))
                database.Reset();
            throw outage.Failed(exception);
        }
        finally
        {
            _queue.Release();
        }
    }
}
