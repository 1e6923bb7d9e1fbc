using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Chaos.Tests.Model;

/// <summary>The log of the one room. Where it outlives silos it may be away, and what it says of an append may be wrong.</summary>
internal sealed class ModelLog(Walk walk, bool outlivesSilos) : IRoomLogs
{
    private readonly List<LogEntry> _entries = [];
    private string _epoch = "e1";
    private int _epochs = 1;
    private long _term;

    public ValueTask<OpenedLog> Open(string room, Retention retention, string user = "")
    {
        if (!outlivesSilos)
        {
            _epoch = $"e{_epochs++}";
            _entries.Clear();
            return new(new OpenedLog(new Log(this, default), _epoch, 0, [], []));
        }
        if (walk.Fault(20))
            throw new LogException("The log is away.");
        var mark = new LogMark(1, ++_term);
        return new(new OpenedLog(new Log(this, mark), _epoch, _entries.Count,
            [.. _entries.TakeLast(retention.Messages).Select(entry => entry.Message with { Order = mark.FirstOrder })],
            [.. _entries.Where(entry => entry.Id is not null).Select(entry => new KnownPublish(
                entry.Message.From, entry.Id!, entry.BodyHash, new Receipt(_epoch, entry.Message.Sequence, entry.Message.Timestamp)))]));
    }

    public ValueTask<OpenedLog?> Find(string room, Retention retention, string user = "") => throw new NotSupportedException();

    public IRoomLog Resume(LogMark mark) => new Log(this, mark);

    private void Append(LogMark mark, ReadOnlySpan<LogEntry> entries)
    {
        if (outlivesSilos && mark.Term != _term)
            throw new LogFencedException("room");
        var fails = outlivesSilos && walk.Fault(20);
        if (fails && walk.OneIn(2))
            throw new LogException("The append was not committed.");
        foreach (var entry in entries)
        {
            Assert.True(!outlivesSilos || entry.Message.Sequence == _entries.Count + 1, $"{entry.Message.Sequence} was appended to {_entries.Count} messages");
            _entries.Add(entry);
        }
        if (fails)
            throw new LogException("Nobody said whether the append was committed.");
    }

    private sealed class Log(ModelLog owner, LogMark mark) : IRoomLog
    {
        public LogMark Mark => mark;

        public ValueTask Append(ReadOnlySpan<LogEntry> entries)
        {
            owner.Append(mark, entries);
            return ValueTask.CompletedTask;
        }

        public void Trim(long before)
        {
            // The room asks for no more than it retains.
        }
    }
}
