using System.Runtime.InteropServices;

namespace Realtime.Bench.Load;

/// <summary>The system calls of the generator. Linux 5.11 and glibc 2.35 or later, for <c>epoll_pwait2</c>.</summary>
internal static unsafe partial class Native
{
    public const int Again = 11; // EAGAIN
    public const int InProgress = 115; // EINPROGRESS

    public const int In = 1, Out = 4, Err = 8, Hup = 16; // EPOLLIN and so on
    public const int Add = 1, Mod = 3; // EPOLL_CTL_ADD, EPOLL_CTL_MOD

    private const int Inet = 2, Stream = 1, NonBlock = 0x800, CloseOnExec = 0x80000, NoSignal = 0x4000;
    private const int SolSocket = 1, Error = 4, ReceiveBuffer = 8, Tcp = 6, NoDelay = 1;

    /// <summary>A nonblocking TCP socket without Nagle's delay.</summary>
    /// <exception cref="InvalidOperationException">There is none left.</exception>
    public static int Socket(int receiveBuffer)
    {
        var fd = socket(Inet, Stream | NonBlock | CloseOnExec, 0);
        if (fd < 0)
            throw new InvalidOperationException($"No socket is left (error {Marshal.GetLastPInvokeError()}); raise the limit of open files: ulimit -n");
        var one = 1;
        setsockopt(fd, Tcp, NoDelay, &one, sizeof(int));
        if (receiveBuffer > 0)
            setsockopt(fd, SolSocket, ReceiveBuffer, &receiveBuffer, sizeof(int));
        return fd;
    }

    /// <summary>A socket that listens on a loopback port.</summary>
    /// <exception cref="InvalidOperationException">The port is taken.</exception>
    public static int Listen(int port)
    {
        var fd = Socket(0);
        var address = stackalloc byte[AddressLength];
        WriteAddress(address, port);
        if (bind(fd, address, AddressLength) != 0 || listen(fd, 4096) != 0)
            throw new InvalidOperationException($"Port {port} cannot be listened on (error {Marshal.GetLastPInvokeError()}).");
        return fd;
    }

    /// <summary>The next client's socket, or a negative number when there is none.</summary>
    public static int Accept(int fd)
    {
        var client = accept4(fd, null, null, NonBlock | CloseOnExec);
        var one = 1;
        if (client >= 0)
            setsockopt(client, Tcp, NoDelay, &one, sizeof(int));
        return client;
    }

    /// <summary>Begins to connect to a loopback port; 0 or an error number.</summary>
    public static int Connect(int fd, int port)
    {
        var address = stackalloc byte[AddressLength];
        WriteAddress(address, port);
        if (connect(fd, address, AddressLength) == 0)
            return 0;
        var error = Marshal.GetLastPInvokeError();
        return error == InProgress ? 0 : error;
    }

    /// <summary>The error of a socket, which is how a connect ended; 0 when it is well.</summary>
    public static int ErrorOf(int fd)
    {
        int error = 0, length = sizeof(int);
        getsockopt(fd, SolSocket, Error, &error, &length);
        return error;
    }

    /// <summary>Bytes sent, or a negative error number.</summary>
    public static int Send(int fd, ReadOnlySpan<byte> data)
    {
        fixed (byte* start = data)
        {
            var sent = send(fd, start, (nuint)data.Length, NoSignal);
            return sent >= 0 ? (int)sent : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Bytes received, 0 at the end, or a negative error number.</summary>
    public static int Receive(int fd, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            var received = recv(fd, start, (nuint)buffer.Length, 0);
            return received >= 0 ? (int)received : -Marshal.GetLastPInvokeError();
        }
    }

    private const int AddressLength = 16;

    // sockaddr_in: family, port and address (127.0.0.1) in network order, eight bytes of padding.
    private static void WriteAddress(byte* address, int port)
    {
        new Span<byte>(address, AddressLength).Clear();
        *(ushort*)address = Inet;
        address[2] = (byte)(port >> 8);
        address[3] = (byte)port;
        address[4] = 127;
        address[7] = 1;
    }

    [LibraryImport("libc", EntryPoint = "close")]
    public static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "epoll_create1")]
    public static partial int CreatePoller(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl")]
    public static partial int Control(int poller, int operation, int fd, byte* @event);

    [LibraryImport("libc", EntryPoint = "epoll_pwait2")]
    public static partial int Wait(int poller, byte* events, int most, long* timeout, void* signals);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc")]
    private static partial int setsockopt(int fd, int level, int name, void* value, int length);

    [LibraryImport("libc")]
    private static partial int getsockopt(int fd, int level, int name, void* value, int* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(int fd, byte* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int fd, byte* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(int fd, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept4(int fd, byte* address, int* length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int fd, byte* data, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int fd, byte* data, nuint length, int flags);
}
