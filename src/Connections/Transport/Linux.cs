using System.Runtime.InteropServices;

namespace Realtime.Connections.Transport;

/// <summary>The system calls of Linux that the pollers need and .NET does not offer. The numbers are those of asm-generic, the same on every architecture that .NET runs on.</summary>
internal static unsafe partial class Linux
{
    public const uint In = 0x1, Urgent = 0x2, Out = 0x4, Error = 0x8, HangUp = 0x10, PeerShutdown = 0x2000, Once = 1u << 30, EdgeTriggered = 1u << 31;

    public const int WouldBlock = 11; // EAGAIN
    public const int Interrupted = 4; // EINTR

    private const int DontWait = 0x40;   // MSG_DONTWAIT
    private const int NoSignal = 0x4000; // MSG_NOSIGNAL: an error instead of SIGPIPE
    private const int CloseOnExec = 0x80000; // EPOLL_CLOEXEC, EFD_CLOEXEC, SOCK_CLOEXEC
    private const int Add = 1, Modify = 3; // EPOLL_CTL_ADD, _MOD
    private const int DuplicateCloseOnExec = 1030; // F_DUPFD_CLOEXEC
    private const int DescriptorResource = 7; // RLIMIT_NOFILE
    private const nuint BytesToRead = 0x541B; // FIONREAD
    private const nuint BytesToLeave = 0x5411; // SIOCOUTQ

    // struct epoll_event is packed on x86-64 only.
    private static readonly bool s_packed = RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Bytes of a struct epoll_event.</summary>
    public static int EventSize { get; } = s_packed ? 12 : 16;

    public static int CreateEpoll() => epoll_create1(CloseOnExec);

    public static int CreateEvent() => eventfd(0, CloseOnExec);

    public static void Signal(int eventDescriptor)
    {
        ulong one = 1;
        _ = write(eventDescriptor, &one, sizeof(ulong));
    }

    /// <summary>Watches a descriptor; false when the system has no room for it.</summary>
    public static bool Watch(int epoll, int descriptor, uint events, ulong data) => Control(epoll, Add, descriptor, events, data) == 0;

    /// <summary>Watches a descriptor that was watched for one event; false when that cannot be.</summary>
    public static bool WatchAgain(int epoll, int descriptor, uint events, ulong data) => Control(epoll, Modify, descriptor, events, data) == 0;

    private static int Control(int epoll, int operation, int descriptor, uint events, ulong data)
    {
        byte* entry = stackalloc byte[16];
        *(uint*)entry = events;
        *(ulong*)(entry + EventSize - sizeof(ulong)) = data;
        return epoll_ctl(epoll, operation, descriptor, entry);
    }

    /// <summary>Waits for events; their number, or less than 0 with <see cref="Marshal.GetLastPInvokeError"/>.</summary>
    public static int Wait(int epoll, Span<byte> events, int milliseconds)
    {
        fixed (byte* first = events)
            return epoll_wait(epoll, first, events.Length / EventSize, milliseconds);
    }

    public static (uint Events, ulong Data) Event(ReadOnlySpan<byte> events, int index)
    {
        var entry = events.Slice(index * EventSize, EventSize);
        return (MemoryMarshal.Read<uint>(entry), MemoryMarshal.Read<ulong>(entry[^sizeof(ulong)..]));
    }

    /// <summary>Bytes read, 0 at the end of the stream, less than 0 with <see cref="Marshal.GetLastPInvokeError"/>.</summary>
    public static int Receive(int socket, Span<byte> buffer)
    {
        fixed (byte* first = buffer)
            return (int)recv(socket, first, buffer.Length, DontWait);
    }

    /// <summary>Sends without waiting; returns as <see cref="ITransport.TrySend"/>.</summary>
    public static int TrySend(int socket, ReadOnlySpan<byte> bytes)
    {
        while (true)
        {
            int taken;
            fixed (byte* first = bytes)
                taken = (int)send(socket, first, bytes.Length, DontWait | NoSignal);
            if (taken >= 0)
                return taken;
            switch (Marshal.GetLastPInvokeError())
            {
                case WouldBlock:
                    return 0;
                case Interrupted:
                    continue;
                default:
                    return ITransport.Gone;
            }
        }
    }

    public static void ShutDown(int socket, ShutDownSide side) => _ = shutdown(socket, (int)side);

    public static void Close(int descriptor) => _ = close(descriptor);

    /// <summary>Another descriptor of the same socket, or less than 0.</summary>
    public static int Duplicate(int descriptor) => fcntl(descriptor, DuplicateCloseOnExec, 0);

    /// <summary>How many bytes have come that were not read.</summary>
    public static int Unread(int socket)
    {
        int bytes = 0;
        return ioctl(socket, BytesToRead, &bytes) == 0 ? bytes : 0;
    }

    /// <summary>How many sent bytes the peer has not acknowledged, or less than 0.</summary>
    public static int Unacknowledged(int socket)
    {
        int bytes = 0;
        return ioctl(socket, BytesToLeave, &bytes) == 0 ? bytes : -1;
    }

    /// <summary>How many descriptors the process may have, counted from 0; as it is now.</summary>
    public static int DescriptorLimit()
    {
        ulong* limits = stackalloc ulong[2]; // struct rlimit on 64 bits: the soft limit, then the hard one
        return getrlimit(DescriptorResource, limits) == 0 ? (int)Math.Min(limits[0], int.MaxValue) : int.MaxValue;
    }

    internal enum ShutDownSide { Send = 1, Both = 2 }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc")]
    private static partial nint write(int descriptor, void* bytes, nint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, int descriptor, void* entry);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epoll, void* events, int most, int milliseconds);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int socket, void* buffer, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int socket, void* bytes, nint length, int flags);

    [LibraryImport("libc")]
    private static partial int shutdown(int socket, int how);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    [LibraryImport("libc")]
    private static partial int fcntl(int descriptor, int command, nint argument);

    [LibraryImport("libc")]
    private static partial int ioctl(int descriptor, nuint request, int* result);

    [LibraryImport("libc")]
    private static partial int getrlimit(int resource, ulong* limits);
}
