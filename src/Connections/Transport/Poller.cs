using System.Diagnostics;

namespace Realtime.Connections;

/// <summary>
/// Waits for the sockets of many connections, on one thread and one epoll. Each connection is watched once, for all that can happen
/// and edge by edge (EPOLLET), so that it costs no further system call in its life.
/// </summary>
internal sealed class Poller : IDisposable
{
    private const int EventsAtOnce = 512;

    // Waking up for each event costs more than handling it, and takes the core from the threads that send. When wake-ups follow each
    // other so closely, the poller sleeps before it looks again: events gather, and what they cause is joined. The system adds about
    // 50 us of its own to the pause.
    private static readonly long s_close = Stopwatch.Frequency / 5_000; // 200 us
    private const int PauseMicroseconds = 50;

    // Connections that were cut end by themselves; one whose handler is stuck is not waited for.
    private static readonly TimeSpan s_mostAfterDispose = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly int _epoll;
    private readonly int _wake;
    private readonly Thread _thread;
    private Entry[] _entries = new Entry[64];
    private readonly Stack<int> _free = [];
    private int _used = 1; // entry 0 is the wake-up's
    private int _count;
    private bool _disposed;

    public Poller(string name)
    {
        _epoll = Linux.CreateEpoll();
        _wake = Linux.CreateEvent();
        if (_epoll < 0 || _wake < 0 || !Linux.Watch(_epoll, _wake, Linux.In, 0))
            throw new InvalidOperationException("The system has no descriptors left for epoll.");
        _thread = new Thread(Run) { IsBackground = true, Name = name };
        _thread.UnsafeStart();
    }

    /// <summary>Watches a socket from now on. False when the system has no room for it, or the host has stopped.</summary>
    public bool Add(PolledTransport transport, int socket)
    {
        lock (_lock)
        {
            if (_disposed)
                return false;
            if (!_free.TryPop(out int place))
            {
                if (_used == _entries.Length)
                    Array.Resize(ref _entries, 2 * _used);
                place = _used++;
            }
            ref var entry = ref _entries[place];
            entry.Transport = transport;
            transport.Place = place;
            _count++;
            if (Linux.Watch(_epoll, socket, Linux.In | Linux.Out | Linux.PeerShutdown | Linux.EdgeTriggered, (ulong)entry.Generation << 32 | (uint)place))
                return true;
            Remove(place);
            return false;
        }
    }

    /// <summary>Forgets a socket; closing it ends the watch. Events that are on their way find nobody.</summary>
    public void Remove(int place)
    {
        lock (_lock)
        {
            _entries[place].Transport = null;
            _entries[place].Generation++;
            _free.Push(place);
            _count--;
        }
    }

    /// <summary>Cuts what is still connected, then ends the thread.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
        }
        Linux.Signal(_wake);
    }

    private void Run()
    {
        Span<byte> events = new byte[EventsAtOnce * Linux.EventSize];
        long last = 0;
        while (!Volatile.Read(ref _disposed))
        {
            Poll(events, Timeout.Infinite);
            long now = Stopwatch.GetTimestamp();
            if (now - last < s_close)
                Linux.Sleep(PauseMicroseconds);
            last = now;
        }

        Abort();
        long start = Stopwatch.GetTimestamp();
        while (!IsEmpty && Stopwatch.GetElapsedTime(start) < s_mostAfterDispose)
            Poll(events, milliseconds: 10);
        Linux.Close(_epoll);
        Linux.Close(_wake);
    }

    private void Poll(Span<byte> events, int milliseconds)
    {
        int count = Linux.Wait(_epoll, events, milliseconds);
        for (int i = 0; i < count; i++)
        {
            var (what, data) = Linux.Event(events, i);
            Find(data)?.OnEvents(what);
        }
    }

    private bool IsEmpty
    {
        get
        {
            lock (_lock)
                return _count == 0;
        }
    }

    private void Abort()
    {
        List<PolledTransport> rest;
        lock (_lock)
            rest = [.. _entries.Select(entry => entry.Transport).OfType<PolledTransport>()];
        foreach (var transport in rest)
            transport.Abort();
    }

    private PolledTransport? Find(ulong data)
    {
        lock (_lock)
        {
            ref var entry = ref _entries[(int)(uint)data];
            return entry.Generation == (uint)(data >> 32) ? entry.Transport : null;
        }
    }

    private struct Entry
    {
        public PolledTransport? Transport;
        public uint Generation;
    }
}
