using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Realtime.Connections;

/// <summary>
/// Watches the sockets of many connections with one epoll. Each is watched once, for all that can happen and edge by edge (EPOLLET), so
/// that it costs no further system call in its life.
/// </summary>
/// <remarks>
/// As long as events keep coming it is polled from the thread pool, in turn with the work that they cause: under load nothing waits for a
/// thread to wake up, and what came meanwhile is taken at once. Only when there is nothing does a thread of its own wait, which does
/// nothing but to start that again.
/// </remarks>
internal sealed class Poller : IThreadPoolWorkItem, IDisposable
{
    private const int EventsAtOnce = 512;
    private const ulong WakeUp = 0, Events = 1; // what the thread waits for

    // Connections that were cut end by themselves; one whose handler is stuck is not waited for.
    private static readonly TimeSpan s_mostAfterDispose = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly ILogger _logger;
    private readonly byte[] _events = new byte[EventsAtOnce * Linux.EventSize];
    private readonly int _epoll;   // of the sockets
    private readonly int _waiting; // of the epoll above, once at a time, and of the wake-up
    private readonly int _wake;
    private Entry[] _entries = new Entry[64];
    private readonly Stack<int> _free = [];
    private int _used;
    private int _count;
    private bool _polling; // the thread pool has it, or will
    private bool _disposed;
    private bool _ended;

    public Poller(string name, ILogger logger)
    {
        _logger = logger;
        _epoll = Linux.CreateEpoll();
        _waiting = Linux.CreateEpoll();
        _wake = Linux.CreateEvent();
        try
        {
            if (_epoll < 0 || _waiting < 0 || _wake < 0
                || !Linux.Watch(_waiting, _wake, Linux.In, WakeUp) || !Linux.Watch(_waiting, _epoll, Linux.In | Linux.Once, Events))
                throw new InvalidOperationException("The system has no descriptors left for epoll.");
            new Thread(Wait) { IsBackground = true, Name = name }.UnsafeStart();
        }
        catch
        {
            foreach (int made in (ReadOnlySpan<int>)[_epoll, _waiting, _wake])
                if (made >= 0)
                    Linux.Close(made);
            throw;
        }
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
            if (Linux.Watch(_epoll, socket, Linux.In | Linux.Urgent | Linux.Out | Linux.PeerShutdown | Linux.EdgeTriggered, (ulong)entry.Generation << 32 | (uint)place))
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
            Linux.Signal(_wake); // under the lock: the thread, which may be awake already, closes it
        }
    }

    /// <summary>One look at the sockets, and the next one after what else the thread pool has to do.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        int count = Linux.Wait(_epoll, _events, milliseconds: 0);
        for (int i = 0; i < count; i++)
        {
            var (what, data) = Linux.Event(_events, i);
            if (Find(data) is { } transport)
                Tell(transport, what);
        }
        if (count > 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            return;
        }
        lock (_lock)
        {
            _polling = false;
            if (_ended)
                Linux.Close(_epoll);
            else
                Linux.WatchAgain(_waiting, _epoll, Linux.In | Linux.Once, Events);
        }
    }

    private void Tell(PolledTransport transport, uint events)
    {
        try
        {
            transport.OnEvents(events);
        }
        catch (Exception e)
        {
            Log.EventFailed(_logger, e);
            transport.Abort();
        }
    }

    private void Wait()
    {
        Span<byte> events = new byte[2 * Linux.EventSize];
        long disposed = 0;
        while (true)
        {
            int count = Linux.Wait(_waiting, events, disposed == 0 ? Timeout.Infinite : 10);
            for (int i = 0; i < count; i++)
                if (Linux.Event(events, i).Data == Events)
                    Start();
            if (disposed == 0 && Volatile.Read(ref _disposed))
            {
                disposed = Stopwatch.GetTimestamp();
                lock (_lock)
                    Linux.Close(_wake);
                Abort();
            }
            if (disposed != 0 && (IsEmpty || Stopwatch.GetElapsedTime(disposed) > s_mostAfterDispose))
                break;
        }
        lock (_lock)
        {
            _ended = true;
            Linux.Close(_waiting);
            if (!_polling)
                Linux.Close(_epoll);
        }
    }

    private void Start()
    {
        lock (_lock)
            _polling = true;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
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
