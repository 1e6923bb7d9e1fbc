using System.Runtime.InteropServices;

namespace Realtime.Bench.Load;

/// <summary>epoll: tells which of many sockets can be read or written.</summary>
internal sealed unsafe class Poller : IDisposable
{
    private const int Most = 1024; // events taken at once

    // struct epoll_event is packed on x86 only.
    private static readonly int s_size = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int s_data = s_size - 8;

    private readonly byte[] _events = GC.AllocateArray<byte>(Most * 16, pinned: true);
    private readonly int _fd = Native.CreatePoller(0);

    public void Add(int fd, int tag, int events) => Control(Native.Add, fd, tag, events);

    public void Change(int fd, int tag, int events) => Control(Native.Mod, fd, tag, events);

    /// <summary>Waits for events, for so many nanoseconds at most.</summary>
    public int Wait(long nanoseconds)
    {
        var timeout = stackalloc long[] { nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000 };
        fixed (byte* events = _events)
            return Math.Max(0, Native.Wait(_fd, events, Most, timeout, null)); // negative: a signal came
    }

    /// <summary>One of the events of the last wait.</summary>
    public (int Tag, int Events) this[int index]
    {
        get
        {
            var at = _events.AsSpan(index * s_size);
            return (MemoryMarshal.Read<int>(at[s_data..]), MemoryMarshal.Read<int>(at));
        }
    }

    public void Dispose() => Native.Close(_fd);

    private void Control(int operation, int fd, int tag, int events)
    {
        var item = stackalloc byte[16];
        *(int*)item = events;
        *(long*)(item + s_data) = tag;
        Native.Control(_fd, operation, fd, item);
    }
}
