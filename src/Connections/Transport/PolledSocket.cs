using System.Net;
using System.Runtime.InteropServices;

namespace Realtime.Connections.Transport;

/// <summary>
/// Owns the descriptor of a TCP connection from accept to close. Every system call holds a reference, so that a number which the system
/// has given to somebody else meanwhile is never used; who uses the socket may change, and nobody else ever learns the number.
/// </summary>
internal sealed class PolledSocket : SafeHandle
{
    private const int None = -1;
    private const uint Watched = Linux.In | Linux.Out | Linux.Urgent | Linux.PeerShutdown | Linux.EdgeTriggered;

    private readonly Poller _poller;
    private volatile IPolled? _user;
    private long _sent; // bytes

    private PolledSocket(int descriptor, Poller poller)
        : base(None, ownsHandle: true)
    {
        _poller = poller;
        SetHandle(descriptor);
    }

    /// <summary>Where the poller keeps it; belongs to the poller.</summary>
    public int Place { get; set; } = None;

    public override bool IsInvalid => handle == None;

    private int Descriptor => (int)handle;

    /// <summary>Owns a descriptor from now on, which is closed by <see cref="SafeHandle.Dispose()"/>.</summary>
    public static PolledSocket Own(int descriptor, Poller poller) => new(descriptor, poller);

    /// <summary>Lets events come to a first user. False when the system has no room for that, or the host has stopped.</summary>
    public bool Start(IPolled user)
    {
        _user = user;
        return _poller.Add(this, Descriptor, Watched);
    }

    /// <summary>Gives the socket to another user, who is told the socket's state: what happened before may have been told to the last one.</summary>
    public void GiveTo(IPolled user)
    {
        _user = user;
        if (!TryHold())
            return;
        bool isTold = _poller.TellAgain(this, Descriptor, Watched);
        Release();
        if (!isTold)
            user.OnEvents(Linux.In | Linux.Out); // it looks for itself
    }

    public void OnEvents(uint events) => _user?.OnEvents(events);

    public void AbortUser() => _user?.Abort();

    /// <summary>Takes a connection from a listening socket; less than 0 with an error, which is 0 when the socket is closed.</summary>
    public int Accept(Span<byte> address, out int error)
    {
        error = 0;
        if (!TryHold())
            return ITransport.Gone;
        int descriptor = Linux.Accept(Descriptor, address);
        if (descriptor < 0)
            error = Marshal.GetLastPInvokeError();
        Release();
        return descriptor;
    }

    /// <summary>Bytes read, 0 at the end of the stream, less than 0 with an error, which is 0 when the socket is closed.</summary>
    public int Receive(Span<byte> buffer, out int error)
    {
        error = 0;
        if (!TryHold())
            return ITransport.Gone;
        int received = Linux.Receive(Descriptor, buffer);
        if (received < 0)
            error = Marshal.GetLastPInvokeError();
        Release();
        return received;
    }

    /// <summary>Sends without waiting; returns as <see cref="ITransport.TrySend"/>.</summary>
    public int TrySend(ReadOnlySpan<byte> bytes)
    {
        if (!TryHold())
            return ITransport.Gone;
        int taken = Linux.TrySend(Descriptor, bytes);
        Release();
        CountSent(taken);
        return taken;
    }

    /// <summary>Sends pieces that follow each other; see <see cref="TrySend(ReadOnlySpan{byte})"/>.</summary>
    public int TrySend(ReadOnlySpan<Linux.Piece> pieces)
    {
        if (!TryHold())
            return ITransport.Gone;
        int taken = Linux.TrySend(Descriptor, pieces);
        Release();
        CountSent(taken);
        return taken;
    }

    /// <summary>How many bytes have come that were not read; 0 when the socket is closed.</summary>
    public int Unread()
    {
        if (!TryHold())
            return 0;
        int bytes = Linux.Unread(Descriptor);
        Release();
        return bytes;
    }

    /// <summary>How many bytes the peer has acknowledged; null when the socket is closed.</summary>
    public long? Acknowledged()
    {
        if (!TryHold())
            return null;
        int rest = Linux.Unacknowledged(Descriptor);
        Release();
        return rest < 0 ? null : Volatile.Read(ref _sent) - rest;
    }

    /// <summary>The address of this end; null when the socket is closed.</summary>
    public IPEndPoint? LocalAddress()
    {
        if (!TryHold())
            return null;
        var address = Linux.LocalAddress(Descriptor);
        Release();
        return address;
    }

    /// <summary>Ends one direction or both; the descriptor stays.</summary>
    public void ShutDown(Linux.ShutDownSide side)
    {
        if (!TryHold())
            return;
        Linux.ShutDown(Descriptor, side);
        Release();
    }

    /// <summary>Closes the socket so that the peer gets a reset and what is on its way is lost.</summary>
    public void Reset()
    {
        if (TryHold())
        {
            Linux.ResetOnClose(Descriptor);
            Release();
        }
        Dispose();
    }

    // Whoever is in a system call at this moment holds a reference: the last one closes.
    protected override bool ReleaseHandle()
    {
        _poller.Remove(this);
        Linux.Close(Descriptor);
        return true;
    }

    // One thread at a time sends; others read it.
    private void CountSent(int taken)
    {
        if (taken > 0)
            Volatile.Write(ref _sent, _sent + taken);
    }

    private bool TryHold()
    {
        bool held = false;
        if (IsClosed)
            return held;
        try
        {
            DangerousAddRef(ref held);
        }
        catch (ObjectDisposedException)
        {
            // Closed by whoever owns it: what is gone, is gone.
        }
        return held;
    }

    private void Release() => DangerousRelease();
}
