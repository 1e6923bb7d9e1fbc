using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Realtime.Client.Tests;

/// <summary>A TCP proxy on loopback before a server, as it stands on ways that mean WebSockets no good. Each connection has one request for an upgrade, or none.</summary>
internal sealed class UpgradeProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, Socket> _pairs = [];
    private readonly IPEndPoint _server;
    private readonly Task _accepting;
    private int _upgrades, _requests;

    public UpgradeProxy(Uri server, Mind mind)
    {
        (_server, Now) = (new(IPAddress.Parse(server.Host), server.Port), mind);
        _listener.Start();
        Address = new($"ws://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/ws");
        _accepting = Accept();
    }

    public enum Mind
    {
        Passes,

        /// <summary>It answers 400 to an upgrade, as one does that passes its headers on to nobody.</summary>
        Refuses,

        /// <summary>It closes a WebSocket after 300 ms.</summary>
        Cuts,

        /// <summary>It lets a handshake pass, and of what comes from the server nothing more.</summary>
        Swallows,

        /// <summary>It closes whatever comes.</summary>
        Breaks,
    }

    public Mind Now { get; set; }

    public Uri Address { get; }

    /// <summary>Connections that wanted an upgrade.</summary>
    public int Upgrades => Volatile.Read(ref _upgrades);

    /// <summary>All others.</summary>
    public int Requests => Volatile.Read(ref _requests);

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
                var head = new byte[16 * 1024];
                var length = await near.ReceiveAsync(head);
                var isUpgrade = Encoding.ASCII.GetString(head, 0, length).Contains("Upgrade: websocket", StringComparison.OrdinalIgnoreCase);
                Interlocked.Increment(ref isUpgrade ? ref _upgrades : ref _requests);
                var mind = Now;
                if (mind == Mind.Breaks)
                    return;
                if (isUpgrade && mind == Mind.Refuses)
                {
                    await near.SendAsync("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
                    return;
                }
                await far.ConnectAsync(_server);
                _pairs[near] = far;
                await far.SendAsync(head.AsMemory(0, length));
                var ends = Task.WhenAny(Copy(near, far), Copy(far, near, isUpgrade && mind == Mind.Swallows));
                await (isUpgrade && mind == Mind.Cuts ? Task.WhenAny(ends, Task.Delay(300)) : ends);
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

    /// <param name="once">Whether only the first that comes is passed on: an answer's head.</param>
    private static async Task Copy(Socket from, Socket to, bool once = false)
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
}
