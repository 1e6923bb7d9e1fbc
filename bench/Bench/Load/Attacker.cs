using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Realtime.Bench.Load;

/// <summary>What one connection of an attack does, again and again, as fast as the server takes it.</summary>
/// <param name="Path">What it asks to upgrade; null for requests that are <see cref="Repeat"/> themselves.</param>
/// <param name="Before">Sent once.</param>
/// <param name="Repeat">Sent over and over; empty for a connection that only stays.</param>
/// <param name="Reads">Whether it reads what it is answered.</param>
/// <param name="Stays">Otherwise it closes after the upgrade, or a request that is sent once, and comes again.</param>
internal sealed record AttackConnection(string? Path, byte[] Before, byte[] Repeat, bool Reads = true, bool Stays = true);

/// <summary>Connections that do what nobody should, each on a thread of its own. One that the server lets go comes again, as an attacker would.</summary>
internal sealed class Attacker : IDisposable
{
    // Who is refused waits so long, so that the attack is on the server and not on the generator's core.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _stop = new();
    private readonly Thread[] _threads;
    private long _bytes;
    private int _connects, _ends;

    public Attacker(int port, IEnumerable<AttackConnection> connections)
    {
        _threads = [.. connections.Select(connection => new Thread(() => Attack(connection, port)) { IsBackground = true })];
        foreach (var thread in _threads)
            thread.Start();
    }

    /// <summary>Bytes that the server took.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Connects that were tried.</summary>
    public int Connects => Volatile.Read(ref _connects);

    /// <summary>Connections that the server refused or closed.</summary>
    public int Ends => Volatile.Read(ref _ends);

    public void Dispose()
    {
        _stop.Cancel();
        foreach (var thread in _threads)
            thread.Join();
        _stop.Dispose();
    }

    private void Attack(AttackConnection connection, int port)
    {
        var buffer = new byte[64 * 1024];
        while (!_stop.IsCancellationRequested)
        {
            Interlocked.Increment(ref _connects);
            try
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 5000, SendTimeout = 5000 };
                socket.Connect(IPAddress.Loopback, port);
                if (connection.Path is { } path && !IsUpgraded(socket, ClientFrame.Upgrade(path, port), buffer))
                {
                    Interlocked.Increment(ref _ends);
                    _stop.Token.WaitHandle.WaitOne(s_pause);
                    continue;
                }
                if (connection.Before.Length > 0)
                    socket.Send(connection.Before);
                if (!connection.Stays)
                {
                    _stop.Token.WaitHandle.WaitOne(connection.Path is null ? 1 : 0); // a request that nobody waits for has to come in first
                    continue;
                }
                socket.Blocking = false;
                Repeat(socket, connection, buffer);
            }
            catch (SocketException)
            {
                Interlocked.Increment(ref _ends);
                _stop.Token.WaitHandle.WaitOne(s_pause);
            }
        }
    }

    private static bool IsUpgraded(Socket socket, byte[] request, byte[] buffer)
    {
        socket.Send(request);
        var length = 0;
        while (length < buffer.Length && buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) < 0)
        {
            if (socket.Receive(buffer, length, buffer.Length - length, SocketFlags.None) is var read and > 0)
                length += read;
            else
                return false;
        }
        return buffer.AsSpan(0, length).StartsWith("HTTP/1.1 101"u8);
    }

    /// <exception cref="SocketException">The server has let it go.</exception>
    private void Repeat(Socket socket, AttackConnection connection, byte[] buffer)
    {
        for (var at = 0; !_stop.IsCancellationRequested;)
        {
            var isIdle = true;
            if (connection.Reads && socket.Available > 0)
            {
                socket.Receive(buffer);
                isIdle = false;
            }
            if (connection.Repeat.Length > 0)
            {
                // Not Socket.Send: where a socket takes only a part, that does not tell how much.
                var sent = Native.Send((int)socket.Handle, connection.Repeat.AsSpan(at));
                if (sent < 0 && sent != -Native.Again)
                    throw new SocketException((int)SocketError.ConnectionReset);
                at = (at + Math.Max(0, sent)) % connection.Repeat.Length;
                Interlocked.Add(ref _bytes, Math.Max(0, sent));
                isIdle &= sent <= 0;
            }
            if (!isIdle)
                continue;
            // An end is seen where nothing is read, too: what a peer has closed can be read and has nothing.
            var microseconds = connection.Repeat.Length > 0 ? 1000 : 50_000;
            if (connection.Reads && socket.Poll(microseconds, SelectMode.SelectRead) && socket.Available == 0)
                throw new SocketException((int)SocketError.ConnectionReset);
            if (!connection.Reads)
                _stop.Token.WaitHandle.WaitOne(1);
        }
    }

    /// <summary>Text frames with these contents, one behind the other.</summary>
    public static byte[] Frames(IEnumerable<string> contents)
    {
        var all = new MemoryStream();
        foreach (var content in contents)
        {
            var bytes = Encoding.UTF8.GetBytes(content);
            var frame = new byte[bytes.Length + ClientFrame.Overhead];
            all.Write(frame, 0, ClientFrame.Write(frame, ClientFrame.Text, [], bytes, []));
        }
        return all.ToArray();
    }

    /// <summary>The beginning of a message that never ends (RFC 6455 section 5.4: FIN is not set).</summary>
    public static byte[] Unfinished(int bytes)
    {
        var frame = new byte[bytes + ClientFrame.Overhead];
        var length = ClientFrame.Write(frame, ClientFrame.Text, [], new byte[bytes].AsSpan(), []);
        frame[0] &= 0x7F;
        return frame[..length];
    }
}
