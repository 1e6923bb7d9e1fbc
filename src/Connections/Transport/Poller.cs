using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace Realtime.Connections.Transport;

/// <summary>
/// Watches many sockets with one epoll. Each is watched once, for all that can happen and edge by edge (EPOLLET), so that it costs no
/// further system call in its life.
/// </summary>
/// <remarks>
/// As long as events keep coming it is polled from the thread pool, in turn with the work that they cause: under load nothing waits for a
/// thread to wake up, and what came meanwhile is taken at once. Only when there is nothing does a thread of its own wait, which does
/// nothing but to start that again. More than ten fields: the table of sockets and the three descriptors are used up and closed together.
/// </remarks>
internal sealed class Poller : IThreadPoolWorkItem, IDisposable
{
    private const int EventsAtOnce = 512;
    private const int NoPlace = -1;
    private const ulong WakeUp = 0, Events = 1; // what the thread waits for

    // Users that were aborted end by themselves; one whose application is stuck is not waited for.
    private static readonly TimeSpan s_mostAfterDispose = TimeSpan.FromSeconds(5);

    // How long to wait when the system refuses what it should not.
    private static readonly TimeSpan s_backOff = TimeSpan.FromMilliseconds(20);

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
    private bool _isFailing; // and that was told

    public Poller(string name, ILogger logger)
    {
        _logger = logger;
        _epoll = Linux.CreateEpoll();
        _waiting = Linux.CreateEpoll();
        _wake = Linux.CreateEvent();
        if (_epoll < 0 || _waiting < 0 || _wake < 0
            || !Linux.Watch(_waiting, _wake, Linux.In, WakeUp) || !Linux.Watch(_waiting, _epoll, Linux.In | Linux.Once, Events))
        {
            CloseUnlessNone(_epoll);
            CloseUnlessNone(_waiting);
            CloseUnlessNone(_wake);
            throw new InvalidOperationException("The system has no descriptors left for epoll.");
        }
        new Thread(Wait) { IsBackground = true, Name = name }.UnsafeStart();
    }

    /// <summary>Watches a socket from now on. False when the system has no room for it, or the host has stopped.</summary>
    public bool Add(PolledSocket socket, int descriptor, uint events)
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
            _entries[place].Socket = socket;
            socket.Place = place;
            _count++;
            if (Linux.Watch(_epoll, descriptor, events, Data(place)))
                return true;
            Forget(socket);
            return false;
        }
    }

    /// <summary>Tells the socket's state once more, as if it had just been added. False when the system does not.</summary>
    public bool TellAgain(PolledSocket socket, int descriptor, uint events)
    {
        lock (_lock)
            return _ended || socket.Place == NoPlace || Linux.WatchAgain(_epoll, descriptor, events, Data(socket.Place));
    }

    /// <summary>Forgets a socket that is about to be closed, which ends the watch. Events that are on their way find nobody.</summary>
    public void Remove(PolledSocket socket)
    {
        lock (_lock)
            if (socket.Place != NoPlace)
                Forget(socket);
    }

    /// <summary>Aborts what still uses a socket, then ends the thread.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            Linux.Signal(_wake); // in here: the thread closes it when it has seen that this is disposed
        }
    }

    /// <summary>One look at the sockets, and the next one after what else the thread pool has to do.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        int count = Linux.Wait(_epoll, _events, milliseconds: 0);
        for (int i = 0; i < count; i++)
        {
            var (what, data) = Linux.Event(_events, i);
            var socket = Find(data);
            try
            {
                socket?.OnEvents(what);
            }
            catch (Exception e)
            {
                Log.EventFailed(_logger, e);
                socket!.Dispose();
            }
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
            else if (!Linux.WatchAgain(_waiting, _epoll, Linux.In | Linux.Once, Events))
            {
                _polling = true;
                _ = PollLater();
            }
        }
    }

    // Where the thread cannot be made to wait for the sockets they are looked at now and then: slow, and not deaf.
    private async Task PollLater()
    {
        Failing();
        await Task.Delay(s_backOff);
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void Wait()
    {
        Span<byte> events = new byte[2 * Linux.EventSize];
        long disposed = 0;
        while (true)
        {
            int count = Linux.Wait(_waiting, events, disposed == 0 ? Timeout.Infinite : 10);
            if (count < 0 && Marshal.GetLastPInvokeError() != Linux.Interrupted)
            {
                Failing();
                Thread.Sleep(s_backOff);
                Start();
            }
            for (int i = 0; i < count; i++)
                if (Linux.Event(events, i).Data == Events)
                    Start();
            if (disposed == 0 && CloseWakeUpIfDisposed())
            {
                disposed = Stopwatch.GetTimestamp();
                AbortUsers();
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
        {
            if (_polling)
                return;
            _polling = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void Failing()
    {
        if (!Interlocked.Exchange(ref _isFailing, true))
            Log.PollerFailed(_logger, Marshal.GetLastPInvokeError());
    }

    private bool CloseWakeUpIfDisposed()
    {
        lock (_lock)
        {
            if (_disposed)
                Linux.Close(_wake);
            return _disposed;
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

    private void AbortUsers()
    {
        List<PolledSocket> rest;
        lock (_lock)
            rest = [.. _entries.Select(entry => entry.Socket).OfType<PolledSocket>()];
        foreach (var socket in rest)
        {
            try
            {
                socket.AbortUser();
            }
            catch (Exception e)
            {
                Log.EventFailed(_logger, e);
            }
        }
    }

    private ulong Data(int place) => (ulong)_entries[place].Generation << 32 | (uint)place;

    private PolledSocket? Find(ulong data)
    {
        lock (_lock)
        {
            ref var entry = ref _entries[(int)(uint)data];
            return entry.Generation == (uint)(data >> 32) ? entry.Socket : null;
        }
    }

    private void Forget(PolledSocket socket)
    {
        ref var entry = ref _entries[socket.Place];
        entry.Socket = null;
        entry.Generation++;
        _free.Push(socket.Place);
        socket.Place = NoPlace;
        _count--;
    }

    private static void CloseUnlessNone(int descriptor)
    {
        if (descriptor >= 0)
            Linux.Close(descriptor);
    }

    private struct Entry
    {
        public PolledSocket? Socket;
        public uint Generation;
    }
}
