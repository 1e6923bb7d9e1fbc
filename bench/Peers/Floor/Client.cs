using System.Buffers.Binary;
using System.Text;
using Realtime.Bench.Load;

namespace Realtime.Floor;

internal sealed class Client(int socket, Poller poller)
{
    // The answer to the generator's key, which is always the same (RFC 6455, section 1.3).
    private static readonly byte[] s_upgraded = Encoding.ASCII.GetBytes(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");

    private static readonly byte[] s_buffer = new byte[1 << 20];

    private byte[] _kept = []; // what came and is not whole
    private byte[] _unsent = [];
    private Room? _room;

    public void Send(ReadOnlySpan<byte> data)
    {
        if (_unsent.Length == 0)
        {
            var sent = Math.Max(0, Native.Send(socket, data)); // errors show when it is read
            if (sent == data.Length)
                return;
            data = data[sent..];
            poller.Change(socket, socket, Native.In | Native.Out);
        }
        _unsent = [.. _unsent, .. data];
    }

    public void Flush()
    {
        var sent = Math.Max(0, Native.Send(socket, _unsent));
        _unsent = _unsent[sent..];
        if (_unsent.Length == 0)
            poller.Change(socket, socket, Native.In);
    }

    public void Leave()
    {
        _room?.Remove(this);
        Native.Close(socket);
    }

    /// <summary>Takes what came; false when the client has gone.</summary>
    public bool Read(Dictionary<string, Room> rooms, List<Room> changed)
    {
        _kept.CopyTo(s_buffer, 0);
        var received = Native.Receive(socket, s_buffer.AsSpan(_kept.Length));
        if (received == -Native.Again)
            return true;
        if (received <= 0)
            return false;
        var data = s_buffer.AsSpan(0, _kept.Length + received);
        if (_room is null)
        {
            var end = data.IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                var path = Encoding.ASCII.GetString(data[..data.IndexOf((byte)'\r')]).Split(' ')[1];
                if (!rooms.TryGetValue(path, out _room))
                    rooms[path] = _room = new Room();
                _room.Add(this);
                Send(s_upgraded);
                data = data[(end + 4)..];
            }
        }
        while (_room is not null && TakeFrame(ref data, out var opcode, out var content))
        {
            if (opcode == 8)
            {
                Send([0x88, 0]);
                return false;
            }
            if (_room.Say(content))
                changed.Add(_room);
        }
        _kept = data.IsEmpty ? [] : data.ToArray();
        return true;
    }

    private static bool TakeFrame(ref Span<byte> data, out int opcode, out Span<byte> content)
    {
        opcode = 0;
        content = default;
        if (data.Length < 2)
            return false;
        var header = (data[1] & 127) switch { 126 => 8, 127 => 14, _ => 6 };
        if (data.Length < header)
            return false;
        var length = header switch { 8 => BinaryPrimitives.ReadUInt16BigEndian(data[2..]), 14 => (int)BinaryPrimitives.ReadUInt64BigEndian(data[2..]), _ => data[1] & 127 };
        if (data.Length - header < length)
            return false;
        opcode = data[0] & 15;
        var mask = data.Slice(header - 4, 4);
        content = data.Slice(header, length);
        for (var i = 0; i < length; i++)
            content[i] ^= mask[i & 3];
        data = data[(header + length)..];
        return true;
    }
}
