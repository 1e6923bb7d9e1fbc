using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Realtime.Bench.Load;

/// <summary>
/// The load generator: thousands of WebSocket clients on one thread and one epoll, which publish and check what comes.
/// It does not know what is measured; who calls it reads clocks and the server's CPU before and after.
/// </summary>
internal sealed partial class LoadClient : IDisposable
{
    // After the last delivery, for copies that should not come at all.
    private static readonly TimeSpan s_aftermath = TimeSpan.FromMilliseconds(200);

    // Far below the 30 s after which SignalR drops a client.
    private static readonly long s_keepAlive = 10 * Clock.Second;

    // What a slow reader's kernel takes for it, so that the server feels it soon. The kernel doubles it.
    private const int SlowReceiveBuffer = 4096;

    private readonly Workload _workload;
    private readonly Dialect _dialect;
    private readonly int[] _ports;
    private readonly Poller _poller = new();
    private readonly LoadConnection[] _connections;
    private readonly byte[] _buffer = GC.AllocateArray<byte>(1 << 20, pinned: true); // also the longest frame
    private readonly byte[] _payload;
    private readonly byte[] _frame;
    private readonly byte[]? _joined, _left, _helloAnswer, _ping;
    private readonly (byte[] Before, byte[] After)[] _publishes;

    private int _ready, _closed;
    private string? _problem;
    private long _keptAliveAt = Clock.Now;

    // Messages by number: how many copies have come.
    private int[] _copies = new int[1 << 16];
    private int _sent, _done;
    private long _delivered, _disorder, _lastDelivery, _sendLag;

    /// <param name="ports">Of the servers; the members of a room are spread over them in turn.</param>
    public LoadClient(Workload workload, Dialect dialect, params int[] ports)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workload.PayloadBytes, Payload.HeaderLength);
        if (workload.Connections * workload.RoomsEach % workload.Rooms != 0 || workload.Rooms % workload.RoomsEach != 0)
            throw new ArgumentException($"{workload.Connections} connections cannot be spread evenly over {workload.Rooms} rooms, {workload.RoomsEach} each.");
        (_workload, _dialect, _ports) = (workload, dialect, ports);
        _payload = Payload.Create(workload.PayloadBytes);
        _frame = new byte[workload.PayloadBytes + 1024]; // names and numbers are short
        (_joined, _left, _helloAnswer, _ping) = (Bytes(dialect.Joined), Bytes(dialect.Left), Bytes(dialect.HelloAnswer), Bytes(dialect.Ping));
        var each = workload.RoomsEach;
        _connections = [.. Enumerable.Range(0, workload.Connections).Select(i =>
            new LoadConnection(i, i * each % workload.Rooms, each, i * each / workload.Rooms % ports.Length)
            {
                IsSlow = i >= workload.Connections - workload.SlowReaders,
            })];
        _publishes = [.. Enumerable.Range(0, workload.Rooms).Select(room =>
        {
            var parts = Fill(dialect.Publish, _connections[room / each], room).Split("{payload}");
            return (Encoding.UTF8.GetBytes(parts[0]), Encoding.UTF8.GetBytes(parts[1]));
        })];
        Latencies = [.. ports.Select(_ => new LatencyHistogram())];
    }

    /// <summary>From the moment a message was sent, or was due when paced, to its arrival, by the listener's server.</summary>
    public LatencyHistogram[] Latencies { get; }

    /// <summary>How long each client took from its connect to its last join.</summary>
    public LatencyHistogram Entries { get; } = new();

    /// <summary>Slow readers that the server has let go.</summary>
    public int SlowClosed { get; private set; }

    /// <summary>Connects and joins everybody; returns how many seconds that took.</summary>
    /// <exception cref="InvalidOperationException">Not everybody got in.</exception>
    public double Connect(TimeSpan bound)
    {
        var start = Clock.Now;
        for (var started = 0; _ready < _connections.Length;)
        {
            while (started < _connections.Length && started - _ready < _workload.ConnectsAtOnce)
                Start(_connections[started++]);
            Step(Clock.Second / 10);
            if (_closed > 0 || Clock.Now - start > bound.Nanoseconds())
                throw new InvalidOperationException($"Only {_ready} of {_connections.Length} clients got in: {_problem ?? "no answer"}");
        }
        return (Clock.Now - start) / 1e9;
    }

    /// <summary>Keeps the connections, and reads what comes.</summary>
    public void Idle(TimeSpan time)
    {
        for (long left, end = Clock.Now + time.Nanoseconds(); (left = end - Clock.Now) > 0;)
            Step(left);
    }

    /// <summary>Publishes one message to each room, and waits until everybody has them.</summary>
    public LoadResult Check() => Run(TimeSpan.Zero, closedLoop: true, atOnce: _workload.Rooms);

    /// <summary>Publishes for so long, paced or in a closed loop as the workload says, and waits for the last delivery.</summary>
    /// <param name="closedLoop">In a closed loop even when the workload is paced, which warms the server up sooner.</param>
    public LoadResult Run(TimeSpan time, bool closedLoop = false) => Run(time, closedLoop, atOnce: 0);

    private LoadResult Run(TimeSpan time, bool closedLoop, int atOnce)
    {
        foreach (var latencies in Latencies)
            latencies.Clear();
        var (first, closedBefore) = (_sent, _closed);
        (_delivered, _disorder, _sendLag) = (0, 0, 0);
        var start = _lastDelivery = Clock.Now;
        var end = start + time.Nanoseconds();
        for (var i = 0; i < atOnce; i++)
            Publish(Clock.Now);
        var period = closedLoop || _workload.Rate == 0 ? 0 : Clock.Second / _workload.Rate;
        while (true)
        {
            var now = Clock.Now;
            var wait = Clock.Second / 10;
            var due = end;
            if (period > 0)
            {
                // Stamped with the time at which it is due, so that a generator that is late does not hide latency; all that was due is sent.
                while ((due = start + (long)((_sent - first) * period)) <= now && due < end)
                {
                    _sendLag = Math.Max(_sendLag, now - due);
                    Publish(due);
                }
            }
            if (now >= end)
            {
                if (_done == _sent || now - Math.Max(_lastDelivery, end) > _workload.Patience.Nanoseconds())
                    break;
            }
            else if (period == 0)
            {
                while (_sent - _done < _workload.Window)
                    Publish(Clock.Now);
                if (now - _lastDelivery > _workload.Patience.Nanoseconds())
                    break;
            }
            else
                wait = Math.Max(0, due - Clock.Now);
            Step(wait);
        }
        var seconds = (Math.Max(_lastDelivery, start + 1) - start) / 1e9;
        Idle(s_aftermath);
        var messages = _sent - first;
        return new LoadResult(seconds, messages, _delivered, (long)messages * _workload.Copies, _disorder, _closed - closedBefore, _sendLag / 1e6);
    }

    /// <summary>The slow readers read after all, so that they see whether the server has let them go.</summary>
    public void WakeSlow(TimeSpan time)
    {
        foreach (var connection in _connections.Where(connection => connection is { IsSlow: true, State: LoadState.Ready }))
            _poller.Change(connection.Socket, connection.Index, Native.In);
        Idle(time);
    }

    public void Dispose()
    {
        foreach (var connection in _connections)
            connection.Close();
        _poller.Dispose();
    }

    private void Publish(long stamp)
    {
        var number = _sent++;
        if (number == _copies.Length)
            Array.Resize(ref _copies, _copies.Length * 2);
        var room = number % _workload.Rooms;
        Payload.Stamp(_payload, stamp, number);
        var (before, after) = _publishes[room];
        Send(_connections[room / _workload.RoomsEach], _frame.AsSpan(0, ClientFrame.Write(_frame, ClientFrame.Text, before, _payload, after)));
    }

    /// <summary>Looks for messages in what came, and checks that each is the next one of its room.</summary>
    private void Scan(LoadConnection connection, ReadOnlySpan<byte> content, long now)
    {
        if (connection.IsSlow)
            return; // it gets what it gets
        for (int at; (at = Payload.Find(content, out var sentAt, out var number)) >= 0; content = content[Math.Min(content.Length, at + _payload.Length)..])
        {
            var room = (number % _workload.Rooms) - connection.Room; // its rooms follow each other
            if ((uint)room >= (uint)_workload.RoomsEach)
            {
                _disorder++; // of a room that it is not in
                continue;
            }
            if (number != connection.NextNumbers[room])
                _disorder++;
            connection.NextNumbers[room] = number + _workload.Rooms;
            _delivered++;
            _lastDelivery = now;
            Latencies[connection.Front].Add(now - sentAt);
            if ((uint)number < (uint)_sent && ++_copies[number] == _workload.Copies)
                _done++;
        }
    }

    private void Send(LoadConnection connection, ReadOnlySpan<byte> data)
    {
        if (connection.State == LoadState.Closed)
            return;
        var error = connection.Send(data);
        if (error != 0)
            End(connection, $"send failed with error {error}");
        else if (connection.HasUnsent && connection.State != LoadState.Connecting)
            Watch(connection);
    }

    private void SendText(LoadConnection connection, string text)
    {
        var frame = new byte[Encoding.UTF8.GetMaxByteCount(text.Length) + ClientFrame.Overhead];
        Send(connection, frame.AsSpan(0, ClientFrame.Write(frame, ClientFrame.Text, Encoding.UTF8.GetBytes(text), [], [])));
    }

    private void Watch(LoadConnection connection)
    {
        var read = connection.IsSlow && connection.State == LoadState.Ready ? 0 : Native.In;
        _poller.Change(connection.Socket, connection.Index, read | (connection.HasUnsent ? Native.Out : 0));
    }

    /// <summary>Waits for events, and handles them.</summary>
    private void Step(long nanoseconds)
    {
        var count = _poller.Wait(nanoseconds);
        for (var i = 0; i < count; i++)
        {
            var (tag, events) = _poller[i];
            var connection = _connections[tag];
            if (connection.State == LoadState.Connecting && (events & (Native.Out | Native.Err)) != 0)
            {
                if (Native.ErrorOf(connection.Socket) is var error and not 0)
                {
                    End(connection, $"connect failed with error {error}");
                    continue;
                }
                connection.State = LoadState.Upgrading;
            }
            if ((events & Native.Out) != 0 && connection.State != LoadState.Closed)
            {
                if (connection.HasUnsent && connection.Flush() is var error and not 0)
                    End(connection, $"send failed with error {error}");
                else if (!connection.HasUnsent)
                    Watch(connection);
            }
            if ((events & (Native.In | Native.Err | Native.Hup)) != 0 && connection.State != LoadState.Closed)
                Read(connection);
        }
        KeepAlive();
    }

    private void KeepAlive()
    {
        if (_dialect.KeepAlive is not { } text || Clock.Now - _keptAliveAt < s_keepAlive)
            return;
        _keptAliveAt = Clock.Now;
        foreach (var connection in _connections)
        {
            if (connection.State == LoadState.Ready)
                SendText(connection, text);
        }
    }

    private void End(LoadConnection connection, string why)
    {
        if (connection.State == LoadState.Ready)
            _ready--;
        connection.Close();
        if (connection.IsSlow)
        {
            SlowClosed++;
            return;
        }
        _closed++;
        _problem ??= $"client {connection.Index}: {why}";
    }

    private string Fill(string template, LoadConnection connection, int room) => template
        .Replace("{room}", $"{room}")
        .Replace("{user}", $"{connection.Index}")
        .Replace("{listener}", $"{connection.Index + _workload.Rooms}");

    [return: NotNullIfNotNull(nameof(text))]
    private static byte[]? Bytes(string? text) => text is null ? null : Encoding.UTF8.GetBytes(text);
}
