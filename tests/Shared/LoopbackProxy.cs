using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Realtime.Tests.Shared;

/// <summary>A TCP proxy on loopback in front of a server, which can cut all connections, as networks do.</summary>
internal abstract class LoopbackProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, Socket> _pairs = [];
    private readonly IPEndPoint _server;
    private readonly Task _accepting;

    protected LoopbackProxy(Uri server)
    {
        _server = new IPEndPoint(IPAddress.Parse(server.Host), server.Port);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = Accept();
    }

    /// <summary>Where it listens.</summary>
    protected int Port { get; }

    /// <summary>Resets all connections, whatever is on its way.</summary>
    public void Cut()
    {
        foreach (var (near, far) in _pairs)
        {
            near.Close(0); // no lingering: RST
            far.Close(0);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        Cut();
    }

    /// <summary>Carries a connection, until it is to end; the server's side is open.</summary>
    protected abstract Task Relay(Socket near, Socket far);

    /// <summary>Carries one way, until one of the two is gone.</summary>
    /// <param name="once">Whether only the first that comes is passed on: an answer's head.</param>
    protected static async Task Copy(Socket from, Socket to, bool once = false)
    {
        try
        {
            var buffer = new byte[16 * 1024];
            for (var parts = 0; await from.ReceiveAsync(buffer) is > 0 and var length; parts++)
            {
                if (once && parts > 0)
                    continue;
                for (var sent = 0; sent < length;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, length - sent));
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Cut.
        }
    }

    private async Task Accept()
    {
        while (true)
        {
            try
            {
                _ = Serve(await _listener.AcceptSocketAsync());
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return; // the listener was stopped
            }
        }
    }

    private async Task Serve(Socket near)
    {
        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using (near)
        {
            try
            {
                await far.ConnectAsync(_server);
                _pairs[near] = far;
                await Relay(near, far);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // One of the two is gone; the other follows.
            }
            finally
            {
                _pairs.TryRemove(near, out _);
            }
        }
    }
}

/// <summary>One that passes everything on, until it cuts.</summary>
/// <param name="address">Of the server: <c>http://127.0.0.1:41234</c>.</param>
internal sealed class CutProxy(string address) : LoopbackProxy(new Uri(address))
{
    /// <summary>Where it listens, without a slash at the end.</summary>
    public string Address => $"http://127.0.0.1:{Port}";

    protected override Task Relay(Socket near, Socket far) => Task.WhenAny(Copy(near, far), Copy(far, near));
}
