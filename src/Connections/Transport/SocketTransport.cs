using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Realtime.Connections;

/// <summary>
/// The quick transport: reads from the pipe that Kestrel fills, writes straight to the socket from whatever thread sends, without
/// scheduling or allocating anything as long as the socket has room.
/// </summary>
internal sealed class SocketTransport(Socket socket, PipeReader input, ConnectionContext context) : ITransport
{
    private static readonly bool UseLibc = OperatingSystem.IsLinux();

    public bool IsHandedOver => true;

    public PipeReader Input => input;

    public int TrySend(ReadOnlySpan<byte> bytes) => UseLibc ? TrySendLibc(socket, bytes) : TrySendPortable(socket, bytes);

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await SocketSend.SendAsync(socket, bytes)..];
    }

    public ValueTask CloseOutputAsync()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The peer went first.
        }
        return default;
    }

    public void Abort() => context.Abort();

    /// <summary>
    /// The C library's send costs a third less than <see cref="Socket.Send(ReadOnlySpan{byte})"/>. The handle is held for the length of
    /// the call only: Socket.Dispose waits for every holder, so a connection that held it for life could never be aborted by the server.
    /// </summary>
    internal static int TrySendLibc(Socket socket, ReadOnlySpan<byte> bytes)
    {
        var handle = socket.SafeHandle;
        bool held = false;
        try
        {
            handle.DangerousAddRef(ref held);
            return Linux.TrySend((int)handle.DangerousGetHandle(), bytes);
        }
        catch (ObjectDisposedException)
        {
            return ITransport.Gone;
        }
        finally
        {
            if (held)
                handle.DangerousRelease();
        }
    }

    /// <summary>The same where the C library is another.</summary>
    internal static int TrySendPortable(Socket socket, ReadOnlySpan<byte> bytes)
    {
        try
        {
            if (socket.Blocking)
                socket.Blocking = false;
            int taken = socket.Send(bytes, SocketFlags.None, out var error);
            return error switch
            {
                SocketError.Success => taken,
                SocketError.WouldBlock => 0,
                _ => ITransport.Gone,
            };
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return ITransport.Gone;
        }
    }
}
