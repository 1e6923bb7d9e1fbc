using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Realtime.Connections.Tests.Support;

/// <summary>A frame as it came over the wire.</summary>
public sealed record RawFrame(byte First, byte[] Payload)
{
    public int Opcode => First & 0x0F;
    public bool Fin => (First & 0x80) != 0;
    public bool Rsv1 => (First & 0x40) != 0;
    public string Text => Encoding.UTF8.GetString(Payload);
    public int CloseCode => Payload.Length < 2 ? 1005 : BinaryPrimitives.ReadUInt16BigEndian(Payload);
    public string CloseReason => Payload.Length < 2 ? "" : Encoding.UTF8.GetString(Payload.AsSpan(2));
}

/// <summary>A client that sends whatever bytes it is told to, right or wrong.</summary>
public sealed class RawClient : IDisposable
{
    private static readonly byte[] s_key = [0x37, 0xFA, 0x21, 0x3D];
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _start, _end;

    private RawClient(Socket socket) => Socket = socket;

    public Socket Socket { get; }

    /// <summary>The head of the server's answer to the upgrade.</summary>
    public string Response { get; private set; } = "";

    public static async Task<RawClient> OpenAsync(IPEndPoint server, int? receiveBuffer = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer is { } size)
            socket.ReceiveBufferSize = size;
        await socket.ConnectAsync(server).Within();
        return new(socket);
    }

    public static async Task<RawClient> ConnectAsync(IPEndPoint server, string path = "/ws", string headers = "", byte[]? along = null, int? receiveBuffer = null)
    {
        var client = await OpenAsync(server, receiveBuffer);
        await client.SendAsync([.. Encoding.ASCII.GetBytes(UpgradeRequest(path, headers)), .. along ?? []]);
        client.Response = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", client.Response);
        return client;
    }

    public static string UpgradeRequest(string path = "/ws", string headers = "") =>
        $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
        $"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n";

    public static byte[] Frame(int first, ReadOnlySpan<byte> payload)
    {
        var frame = new List<byte> { (byte)first };
        if (payload.Length <= 125)
            frame.Add((byte)(0x80 | payload.Length));
        else if (payload.Length <= 65535)
            frame.AddRange([0x80 | 126, (byte)(payload.Length >> 8), (byte)payload.Length]);
        else
        {
            var length = new byte[8];
            BinaryPrimitives.WriteInt64BigEndian(length, payload.Length);
            frame.AddRange([0x80 | 127, .. length]);
        }
        frame.AddRange(s_key);
        for (int i = 0; i < payload.Length; i++)
            frame.Add((byte)(payload[i] ^ s_key[i & 3]));
        return [.. frame];
    }

    public static byte[] Text(string text) => Frame(0x81, Encoding.UTF8.GetBytes(text));

    public static byte[] Close(int code, string reason = "") => Frame(0x88, [(byte)(code >> 8), (byte)code, .. Encoding.UTF8.GetBytes(reason)]);

    public async Task SendAsync(byte[] bytes)
    {
        for (int sent = 0; sent < bytes.Length;)
            sent += await Socket.SendAsync(bytes.AsMemory(sent)).AsTask().Within();
    }

    public Task SendTextAsync(string text) => SendAsync(Text(text));

    /// <summary>The next frame; null at the end of the connection.</summary>
    public async Task<RawFrame?> ReceiveAsync()
    {
        if (!await FillAsync(2))
            return null;
        byte first = _buffer[_start], second = _buffer[_start + 1];
        Assert.True((second & 0x80) == 0, "a server must not mask (RFC 6455 section 5.1)");
        int head = second switch { 126 => 4, 127 => 10, _ => 2 };
        if (!await FillAsync(head))
            return null;
        int length = second switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(_buffer.AsSpan(_start + 2)),
            127 => (int)BinaryPrimitives.ReadUInt64BigEndian(_buffer.AsSpan(_start + 2)),
            _ => second,
        };
        _start += head;
        var payload = new byte[length];
        for (int got = 0; got < length;)
        {
            if (!await FillAsync(1))
                return null;
            int take = Math.Min(length - got, _end - _start);
            _buffer.AsSpan(_start, take).CopyTo(payload.AsSpan(got));
            _start += take;
            got += take;
        }
        return new(first, payload);
    }

    public async Task<string> ReceiveTextAsync()
    {
        var frame = await ReceiveAsync();
        Assert.NotNull(frame);
        Assert.Equal(1, frame.Opcode);
        return frame.Text;
    }

    /// <summary>Skips to the close frame, checks it, answers it and sees the connection end.</summary>
    public async Task<RawFrame> ReceiveCloseAsync(int code, bool answer = true)
    {
        RawFrame? frame;
        do
            frame = await ReceiveAsync();
        while (frame is { Opcode: not 8 });
        Assert.NotNull(frame);
        Assert.Equal(code, frame.CloseCode);
        if (answer)
        {
            await SendIfOpenAsync(Frame(0x88, frame.Payload));
            CloseOutput(); // a server that cannot read the answer any more waits for this
            await ReceiveEndAsync();
        }
        return frame;
    }

    public async Task SendIfOpenAsync(byte[] bytes)
    {
        try
        {
            await SendAsync(bytes);
        }
        catch (SocketException)
        {
            // The server went first.
        }
    }

    /// <summary>Half closes: the server reads an end, but can still write.</summary>
    public void CloseOutput()
    {
        try
        {
            Socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The server went first.
        }
    }

    /// <summary>Nothing more comes, and the connection ends.</summary>
    public async Task ReceiveEndAsync() => Assert.Null(await ReceiveAsync());

    public async Task<string> ReadHeadAsync()
    {
        while (true)
        {
            int end = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                string head = Encoding.ASCII.GetString(_buffer, _start, end + 4);
                _start += end + 4;
                return head;
            }
            if (!await FillAsync(_end - _start + 1))
                return "";
        }
    }

    public async Task<string> ReadTextAsync(int count)
    {
        Assert.True(await FillAsync(count));
        string text = Encoding.UTF8.GetString(_buffer, _start, count);
        _start += count;
        return text;
    }

    public void Dispose() => Socket.Dispose();

    private async Task<bool> FillAsync(int count)
    {
        if (_end - _start >= count)
            return true;
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        while (_end < count)
        {
            int read;
            try
            {
                read = await Socket.ReceiveAsync(_buffer.AsMemory(_end)).AsTask().Within();
            }
            catch (SocketException)
            {
                return false; // reset: an end too
            }
            if (read == 0)
                return false;
            _end += read;
        }
        return true;
    }
}
