using Microsoft.Extensions.Logging;

namespace Realtime.Connections.Hosting;

/// <summary>
/// One timer for all connections: a hashed wheel whose slots are visited one a second. Each connection says when it wants to be visited
/// next: for its ping, its read timeout, a write or a close handshake under way. The timer runs only while there are connections.
/// </summary>
internal sealed class Heartbeat : IDisposable
{
    // A power of two above the usual ping interval and read timeout in seconds, so that a slot rarely holds a connection that is not
    // due; later visits wait for further turns.
    private const int Slots = 64;
    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(1);

    private readonly List<Connection>[] _slots = new List<Connection>[Slots];
    private readonly Lock _lock = new();
    private readonly ITimer _timer;
    private readonly ILogger _logger;
    private List<Connection> _due = [];
    private int _count;
    private int _now;

    public Heartbeat(TimeProvider time, ILogger logger)
    {
        _logger = logger;
        for (int i = 0; i < Slots; i++)
            _slots[i] = [];
        // Not tied to whatever request starts it.
        using (ExecutionContext.SuppressFlow())
            _timer = time.CreateTimer(static state => ((Heartbeat)state!).OnTick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Seconds, about. Ticks are counted, not time, so that a process that was held up does not think that its peers were silent.</summary>
    public int Now => Volatile.Read(ref _now);

    /// <summary>Whole ticks for a time: never too few.</summary>
    public static int Ticks(TimeSpan time) => (int)Math.Ceiling(time / s_tick) + 1;

    public void Add(Connection connection, int at)
    {
        lock (_lock)
        {
            if (_count++ == 0)
                _timer.Change(s_tick, s_tick);
            Insert(connection, at);
        }
    }

    public void Remove(Connection connection)
    {
        lock (_lock)
        {
            if (connection.Visit.IsRemoved)
                return;
            TakeOut(connection);
            connection.Visit = Visit.Removed;
            if (--_count == 0)
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Visits the connection at that tick at the latest.</summary>
    public void Schedule(Connection connection, int at)
    {
        lock (_lock)
        {
            if (connection.Visit.IsRemoved || (connection.Visit.IsPlanned && connection.Visit.At - at <= 0))
                return;
            TakeOut(connection);
            Insert(connection, at);
        }
    }

    public List<Connection> Connections()
    {
        lock (_lock)
        {
            var all = new List<Connection>(_count);
            foreach (var slot in _slots)
                all.AddRange(slot);
            all.AddRange(_due);
            return all;
        }
    }

    public void Dispose() => _timer.Dispose();

    private void OnTick()
    {
        List<Connection> due;
        int now;
        lock (_lock)
        {
            if (_due.Count > 0)
                return; // the last tick is still at work
            now = _now + 1;
            Volatile.Write(ref _now, now);
            var slot = _slots[now & (Slots - 1)];
            for (int i = slot.Count - 1; i >= 0; i--)
            {
                var connection = slot[i];
                if (connection.Visit.At - now > 0)
                    continue;
                TakeOut(connection);
                _due.Add(connection);
            }
            due = _due;
        }
        if (due.Count == 0)
            return;
        var next = new int[due.Count];
        for (int i = 0; i < due.Count; i++)
        {
            try
            {
                next[i] = due[i].OnHeartbeat(now);
            }
            catch (Exception e)
            {
                Log.HeartbeatFailed(_logger, due[i].Id, e);
                next[i] = now + 1;
            }
        }
        lock (_lock)
        {
            for (int i = 0; i < due.Count; i++)
            {
                var visit = due[i].Visit;
                if (visit.IsRemoved || (visit.IsPlanned && visit.At - next[i] <= 0))
                    continue;
                TakeOut(due[i]);
                Insert(due[i], Math.Max(next[i], now + 1));
            }
            _due = [];
        }
    }

    private void Insert(Connection connection, int at)
    {
        if (at - _now <= 0)
            at = _now + 1;
        var slot = _slots[at & (Slots - 1)];
        connection.Visit = new(at, slot.Count);
        slot.Add(connection);
    }

    private void TakeOut(Connection connection)
    {
        var visit = connection.Visit;
        if (!visit.IsPlanned)
            return;
        var slot = _slots[visit.At & (Slots - 1)];
        var last = slot[^1];
        slot[visit.Index] = last;
        last.Visit = new(last.Visit.At, visit.Index);
        slot.RemoveAt(slot.Count - 1);
        connection.Visit = Visit.None;
    }

    /// <summary>When a connection is to be visited, and where in that slot it stands.</summary>
    internal readonly struct Visit
    {
        private const int NoIndex = -1, RemovedIndex = -2;
        private readonly int _place; // one more than the index, so that the default is "not planned"

        public Visit(int at, int index)
        {
            At = at;
            _place = index + 1;
        }

        public static Visit None => new(0, NoIndex);
        public static Visit Removed => new(0, RemovedIndex);

        public int At { get; }
        public int Index => _place - 1;
        public bool IsPlanned => Index >= 0;
        public bool IsRemoved => Index == RemovedIndex;
    }
}
