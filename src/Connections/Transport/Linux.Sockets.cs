using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Realtime.Connections.Transport;

// What a transport needs beyond a poller: accepting, scattered sends, addresses.
internal static unsafe partial class Linux
{
    /// <summary>Bytes of the longest address of a TCP socket, a sockaddr_in6.</summary>
    public const int AddressSize = 28;

    /// <summary>Most pieces of one <see cref="TrySend(int, ReadOnlySpan{Piece})"/>.</summary>
    public const int MostPieces = 64;

    public const int TooManyFiles = 24; // EMFILE
    public const int TooManyFilesOfAll = 23; // ENFILE
    public const int NoMemory = 12; // ENOMEM
    public const int NoBuffers = 105; // ENOBUFS
    public const int BadDescriptor = 9; // EBADF
    public const int InvalidArgument = 22; // EINVAL

    private const int AcceptNonBlocking = 0x800; // SOCK_NONBLOCK
    private const int SocketLevel = 1, Linger = 13; // SOL_SOCKET, SO_LINGER
    private const ushort IPv4Family = 2, IPv6Family = 10; // AF_INET, AF_INET6

    /// <summary>A piece of memory: struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Piece
    {
        public byte* First;
        public nint Length;
    }

    /// <summary>Takes a connection from a listening socket; less than 0 with <see cref="Marshal.GetLastPInvokeError"/>.</summary>
    public static int Accept(int listener, Span<byte> address)
    {
        int size = address.Length;
        fixed (byte* first = address)
            return accept4(listener, first, &size, AcceptNonBlocking | CloseOnExec);
    }

    /// <summary>A descriptor of our own for somebody else's socket, or less than 0.</summary>
    public static int Duplicate(SafeHandle socket) => With(socket, Duplicate);

    /// <summary>How many bytes the peer of somebody else's TCP socket has acknowledged; null for another socket, and for one that is closed.</summary>
    public static long? Acknowledged(Socket socket)
    {
        const int tcp = 6, tcpInfo = 11, bytesAcked = 120; // tcpi_bytes_acked in struct tcp_info
        Span<byte> info = stackalloc byte[bytesAcked + sizeof(long)];
        try
        {
            return socket.GetRawSocketOption(tcp, tcpInfo, info) == info.Length ? BitConverter.ToInt64(info[bytesAcked..]) : null;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>How many sent bytes of somebody else's socket the peer has not acknowledged, or less than 0; it may be closed.</summary>
    public static int Unacknowledged(SafeHandle socket)
    {
        try
        {
            return With(socket, Unacknowledged);
        }
        catch (ObjectDisposedException)
        {
            return -1;
        }
    }

    private static int With(SafeHandle socket, Func<int, int> call)
    {
        bool held = false;
        try
        {
            socket.DangerousAddRef(ref held);
            return call((int)socket.DangerousGetHandle());
        }
        finally
        {
            if (held)
                socket.DangerousRelease();
        }
    }

    /// <summary>The address of a socket's own end; null when the system does not tell.</summary>
    public static IPEndPoint? LocalAddress(int socket)
    {
        byte* address = stackalloc byte[AddressSize];
        int size = AddressSize;
        return getsockname(socket, address, &size) == 0 ? EndPoint(new(address, AddressSize)) : null;
    }

    /// <summary>Reads a sockaddr_in or sockaddr_in6; null for any other.</summary>
    public static IPEndPoint? EndPoint(ReadOnlySpan<byte> address)
    {
        int port = BinaryPrimitives.ReadUInt16BigEndian(address[2..]);
        return MemoryMarshal.Read<ushort>(address) switch
        {
            IPv4Family => new(new IPAddress(address.Slice(4, 4)), port),
            IPv6Family => new(new IPAddress(address.Slice(8, 16), MemoryMarshal.Read<uint>(address[24..])), port),
            _ => null,
        };
    }

    /// <summary>Sends pieces that follow each other, without waiting; returns as <see cref="ITransport.TrySend"/>.</summary>
    public static int TrySend(int socket, ReadOnlySpan<Piece> pieces)
    {
        fixed (Piece* first = pieces)
        {
            var message = new MessageHeader { Pieces = first, Count = pieces.Length };
            while (true)
            {
                int taken = (int)sendmsg(socket, &message, DontWait | NoSignal);
                if (taken >= 0)
                    return taken;
                int error = Marshal.GetLastPInvokeError();
                if (error == WouldBlock)
                    return 0;
                if (error != Interrupted)
                    return ITransport.Gone;
            }
        }
    }

    /// <summary>Lets the next close of the socket send a reset instead of what is left.</summary>
    public static void ResetOnClose(int socket)
    {
        int* linger = stackalloc int[2] { 1, 0 };
        _ = setsockopt(socket, SocketLevel, Linger, linger, 2 * sizeof(int));
    }

    // struct msghdr
    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public Piece* Pieces;
        public nint Count;
        public void* Control;
        public nint ControlLength;
        public int Flags;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept4(int listener, byte* address, int* size, int flags);

    [LibraryImport("libc")]
    private static partial int getsockname(int socket, byte* address, int* size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc")]
    private static partial int setsockopt(int socket, int level, int name, void* value, int size);
}
