using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Realtime.EndToEnd.Tests;

/// <summary>A TCP proxy on loopback in front of a server, which can cut all connections, as networks do.</summary>
internal sealed class CutProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, Socket> _pairs = [];
    private readonly IPEndPoint _server;
    private readonly Task _accepting;

    /// <param name="address">Of the server: <c>http://127.0.0.1:41234</c>.</param>
    public CutProxy(string address)
    {
        var uri = new Uri(address);
        _server = new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port);
        _listener.Start();
        Address = $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
        _accepting = Accept();
    }

    /// <summary>Where it listens, without a slash at the end.</summary>
    public string Address { get; }

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
            Socket near;
            try
            {
                near = await _listener.AcceptSocketAsync();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return; // the listener was stopped
            }
            _ = Serve(near);
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
                await Task.WhenAny(Copy(near, far), Copy(far, near));
            }
            catch (Exception exception) when (exception is SocketException or IOException or ObjectDisposedException)
            {
                // One of the two is gone; the other follows.
            }
            finally
            {
                _pairs.TryRemove(near, out _);
            }
        }
    }

    private static async Task Copy(Socket from, Socket to)
    {
        try
        {
            await using var source = new NetworkStream(from);
            await using var target = new NetworkStream(to);
            await source.CopyToAsync(target);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // Cut.
        }
    }
}
