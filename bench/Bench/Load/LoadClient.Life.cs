using System.Buffers.Binary;
using System.Text;

namespace Realtime.Bench.Load;

/// <content>The life of a connection: connect, upgrade, greet, join, be there, and when it churns, leave and come again.</content>
internal sealed partial class LoadClient
{
    private long _churnEnd; // 0: nobody leaves by himself

    /// <summary>How often a client has come, joined, left and gone.</summary>
    public long Cycles { get; private set; }

    /// <summary>Has every client connect, join, leave and close again and again.</summary>
    /// <returns>The seconds until the last of them was gone.</returns>
    /// <exception cref="InvalidOperationException">A client was refused, or was not answered.</exception>
    public double Churn(TimeSpan time)
    {
        var start = Clock.Now;
        _churnEnd = start + time.Nanoseconds();
        Cycles = 0;
        foreach (var connection in _connections)
            Start(connection);
        while (_connections.Any(connection => connection.State != LoadState.Closed))
        {
            Step(Clock.Second / 10);
            if (_closed > 0 || Clock.Now - _churnEnd > _workload.Patience.Nanoseconds())
                throw new InvalidOperationException($"A client did not come through: {_problem ?? "no answer"}");
        }
        return (Clock.Now - start) / 1e9;
    }

    private void Start(LoadConnection connection)
    {
        var port = _ports[connection.Front];
        connection.Socket = Native.Socket(connection.IsSlow ? SlowReceiveBuffer : 0);
        (connection.State, connection.StartedAt, connection.JoinedRooms) = (LoadState.Connecting, Clock.Now, 0);
        connection.Send(ClientFrame.Upgrade(Fill(_dialect.Path, connection, connection.Room), port)); // kept until it is connected
        var error = Native.Connect(connection.Socket, port);
        if (error == 0)
            _poller.Add(connection.Socket, connection.Index, Native.In | Native.Out);
        else
            End(connection, $"connect failed with error {error}");
    }

    private void Upgraded(LoadConnection connection)
    {
        if (_dialect.Hello is not { } hello)
        {
            Join(connection);
            return;
        }
        connection.State = LoadState.Greeting;
        SendText(connection, hello);
    }

    private void Join(LoadConnection connection)
    {
        if (_dialect.Join is not { } join)
        {
            Joined(connection);
            return;
        }
        connection.State = LoadState.Joining;
        SendText(connection, Fill(join, connection, connection.Room + connection.JoinedRooms));
    }

    private void Joined(LoadConnection connection)
    {
        if (++connection.JoinedRooms < _workload.RoomsEach)
        {
            Join(connection);
        }
        else if (_churnEnd == 0)
        {
            connection.State = LoadState.Ready;
            _ready++;
            Entries.Add(Clock.Now - connection.StartedAt);
            if (connection.IsSlow)
                Watch(connection);
        }
        else if (_dialect.Leave is { } leave)
        {
            connection.State = LoadState.Leaving;
            SendText(connection, Fill(leave, connection, connection.Room));
        }
        else
        {
            SayGoodbye(connection);
        }
    }

    private void SayGoodbye(LoadConnection connection)
    {
        connection.State = LoadState.Closing;
        Span<byte> frame = stackalloc byte[ClientFrame.Overhead];
        Send(connection, frame[..ClientFrame.Write(frame, ClientFrame.Close, [0x03, 0xE8], [], [])]); // 1000
    }

    private void Gone(LoadConnection connection)
    {
        connection.Close();
        Cycles++;
        if (Clock.Now < _churnEnd)
            Start(connection);
    }

    private void Read(LoadConnection connection)
    {
        var kept = connection.TakeReceived(_buffer);
        var received = Native.Receive(connection.Socket, _buffer.AsSpan(kept));
        if (received == -Native.Again)
        {
            connection.KeepReceived(_buffer.AsSpan(0, kept));
            return;
        }
        if (received <= 0)
        {
            if (connection.State == LoadState.Closing)
                Gone(connection);
            else
                End(connection, received == 0 ? "the server closed the socket" : $"receive failed with error {-received}");
            return;
        }
        var data = _buffer.AsSpan(0, kept + received);
        var socket = connection.Socket;
        var used = Parse(connection, data, Clock.Now);
        if (connection.Socket == socket && connection.State != LoadState.Closed)
            connection.KeepReceived(data[used..]);
    }

    /// <summary>Takes the whole frames; returns how many bytes they are.</summary>
    private int Parse(LoadConnection connection, ReadOnlySpan<byte> data, long now)
    {
        var used = 0;
        if (connection.State == LoadState.Upgrading)
        {
            var end = data.IndexOf("\r\n\r\n"u8);
            if (end < 0)
                return 0;
            if (!data.StartsWith("HTTP/1.1 101"u8) || data[..end].IndexOf(ClientFrame.Accept) < 0)
            {
                End(connection, $"the upgrade was refused: {Encoding.UTF8.GetString(data[..Math.Min(data.Length, 200)])}");
                return data.Length;
            }
            used = end + 4;
            Upgraded(connection);
        }
        while (connection.State != LoadState.Closed && data.Length - used >= 2)
        {
            var frame = data[used..];
            var (header, length) = ((int)frame[1]) switch
            {
                126 => (4, frame.Length < 4 ? int.MaxValue : BinaryPrimitives.ReadUInt16BigEndian(frame[2..])),
                127 => (10, frame.Length < 10 ? int.MaxValue : (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt64BigEndian(frame[2..]))),
                var small => (2, small),
            };
            if (frame[1] > 127 || (frame.Length >= header && length > _buffer.Length - header))
            {
                End(connection, "a frame was masked or too long");
                return data.Length;
            }
            if (frame.Length - header < length)
                break;
            used += header + length;
            var content = frame.Slice(header, length);
            switch (frame[0] & 0x0F)
            {
                case ClientFrame.Ping:
                    Send(connection, Control(ClientFrame.Pong, content));
                    break;
                case ClientFrame.Close when connection.State == LoadState.Closing:
                    Gone(connection);
                    return data.Length;
                case ClientFrame.Close:
                    End(connection, $"the server closed it: {(content.Length < 2 ? "no reason" : $"{BinaryPrimitives.ReadUInt16BigEndian(content)} {Encoding.UTF8.GetString(content[2..])}")}");
                    return data.Length;
                case ClientFrame.Pong:
                    break;
                default:
                    Take(connection, content, now);
                    break;
            }
        }
        return used;
    }

    private void Take(LoadConnection connection, ReadOnlySpan<byte> content, long now)
    {
        if (_ping is not null && content.SequenceEqual(_ping))
        {
            SendText(connection, _dialect.Pong!);
            return;
        }
        switch (connection.State)
        {
            case LoadState.Ready:
                Scan(connection, content, now);
                break;
            case LoadState.Greeting when content.StartsWith(_helloAnswer):
                Join(connection);
                break;
            case LoadState.Joining when _joined is null || content.IndexOf(_joined) >= 0:
                Joined(connection);
                break;
            case LoadState.Leaving when content.IndexOf(_left) >= 0:
                SayGoodbye(connection);
                break;
        }
    }

    private static byte[] Control(int opcode, ReadOnlySpan<byte> content)
    {
        var frame = new byte[content.Length + ClientFrame.Overhead];
        return frame[..ClientFrame.Write(frame, opcode, content, [], [])];
    }
}
