using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Realtime.Connections.Tests.Support;

namespace Realtime.Fuzz.Tests;

/// <summary>A frame of the server, inflated.</summary>
internal sealed record ServerFrame(int Opcode, byte[] Payload)
{
    public const int Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10;

    public string AsText => Encoding.UTF8.GetString(Payload);

    /// <summary>Of a close frame; 1005 when it says none.</summary>
    public int Code => Payload.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(Payload) : 1005;
}

/// <summary>A plain socket that sends what it is told and reads frames and HTTP answers strictly. Every wait is bounded.</summary>
internal sealed class RawClient : IDisposable
{
    /// <summary>How long an answer may take on a machine that is busy with other tests.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly CancellationTokenSource _bound = new(Bound);
    private byte[] _buffer = new byte[4096];
    private int _start, _end;

    private RawClient()
    {
    }

    /// <summary>Whether the end came as a reset, which may have overtaken what the server sent before it.</summary>
    public bool WasReset { get; private set; }

    /// <summary>The window of what the server compresses, 8 to 15; 0 when it may not.</summary>
    public int WindowBits { get; set; }

    public static async Task<RawClient> Connect(FuzzTarget target)
    {
        var client = new RawClient();
        try
        {
            client._socket.Bind(new IPEndPoint(target.Source, 0));
            await client._socket.ConnectAsync(target.Server, client._bound.Token);
            return client;
        }
        catch (Exception exception)
        {
            client.Dispose();
            throw new FuzzFailure($"connect: {exception.Message}");
        }
    }

    /// <summary>A WebSocket of the case's user.</summary>
    public static async Task<RawClient> Open(FuzzTarget target, bool compression = false)
    {
        var client = await Connect(target);
        client.WindowBits = compression ? 15 : 0;
        var extension = compression ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "";
        await client.Send(Encoding.ASCII.GetBytes(
            $"GET /ws?user={target.User} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{extension}\r\n"));
        var answer = await client.Answer();
        if (answer?.Status == 101)
            return client;
        client.Dispose();
        throw new FuzzFailure($"a valid upgrade got {answer?.Status.ToString() ?? "no answer"}");
    }

    /// <summary>Sends; what the server does not take because it has ended the connection is lost, as it should be.</summary>
    public async Task Send(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (!bytes.IsEmpty)
                bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, _bound.Token)..];
        }
        catch (SocketException)
        {
        }
        catch (OperationCanceledException)
        {
            throw new FuzzFailure($"the server read nothing for {Bound.TotalSeconds} s");
        }
    }

    /// <summary>Sends in pieces of a length, each a packet of its own as far as the system lets it.</summary>
    public async Task SendSplit(ReadOnlyMemory<byte> bytes, int pieceLength)
    {
        if (pieceLength <= 0)
        {
            await Send(bytes);
            return;
        }
        for (; !bytes.IsEmpty; bytes = bytes[Math.Min(pieceLength, bytes.Length)..])
        {
            await Send(bytes[..Math.Min(pieceLength, bytes.Length)]);
            await Task.Yield();
        }
    }

    public Task SendText(string text) => Send(ClientFrames.Text(text));

    /// <summary>Says that nothing more will be sent; the server must end the connection then.</summary>
    public void Finish()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
        }
    }

    /// <summary>The next frame; null when the server has ended the connection.</summary>
    public async Task<ServerFrame?> Frame()
    {
        if (!await Fill(2))
            return null;
        int first = _buffer[_start], second = _buffer[_start + 1];
        if ((second & 0x80) != 0 || (first & 0x80) == 0 || (first & 0x30) != 0)
            throw new FuzzFailure($"the server's frame begins with {first:X2} {second:X2}");
        int head = 2 + second switch { 126 => 2, 127 => 8, _ => 0 };
        if (!await Fill(head))
            return null;
        long length = second switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(_buffer.AsSpan(_start + 2)),
            127 => BinaryPrimitives.ReadInt64BigEndian(_buffer.AsSpan(_start + 2)),
            _ => second,
        };
        if (length is < 0 or > 32 << 20)
            throw new FuzzFailure($"the server's frame claims {length} bytes");
        if (!await Fill(head + (int)length))
            return null;
        var payload = _buffer.AsSpan(_start + head, (int)length).ToArray();
        _start += head + (int)length;
        if ((first & 0x40) == 0)
            return new ServerFrame(first & 15, payload);
        if (WindowBits == 0 || DeflateReader.Read(payload) is not { } inflated)
            throw new FuzzFailure($"the server's frame is compressed, and should not be or not so: {Convert.ToHexString(payload)}");
        if (inflated.MaxDistance > 1 << WindowBits)
            throw new FuzzFailure($"the server's frame refers {inflated.MaxDistance} bytes back, and {WindowBits} bits are agreed");
        return new ServerFrame(first & 15, inflated.Output);
    }

    /// <summary>The next HTTP answer; null when the server ends the connection without one.</summary>
    /// <param name="toHead">Whether it answers a HEAD and so has no body.</param>
    public async Task<HttpAnswer?> Answer(bool toHead = false)
    {
        int end;
        while ((end = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n\r\n"u8)) < 0)
        {
            if (!await Fill(_end - _start + 1))
                return null;
        }
        var answer = HttpAnswer.Parse(Encoding.Latin1.GetString(_buffer, _start, end));
        _start += end + 4;
        if (answer.Status == 100)
            return await Answer(toHead);
        if (toHead || answer.Status is 101 or 204 or 304)
            return answer;
        if (answer.IsChunked)
            return answer with { Body = await Chunks() };
        if (!await Fill(answer.Length ?? 0))
            return null;
        var body = _buffer.AsSpan(_start, answer.Length ?? 0).ToArray();
        _start += body.Length;
        return answer with { Body = body };
    }

    /// <summary>Waits for the end of the connection.</summary>
    public async Task ReadToEnd()
    {
        do
            _start = _end = 0;
        while (await Fill(1));
    }

    /// <summary>Ends the connection, at random as those do who are done and those who are gone.</summary>
    public void Close(bool reset)
    {
        if (reset)
            _socket.LingerState = new LingerOption(true, 0);
        Dispose();
    }

    public void Dispose()
    {
        _socket.Dispose();
        _bound.Dispose();
    }

    private async Task<byte[]> Chunks()
    {
        var body = new MemoryStream();
        while (true)
        {
            int end;
            while ((end = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n"u8)) < 0)
            {
                if (!await Fill(_end - _start + 1))
                    throw new FuzzFailure("an answer ends within a chunk");
            }
            var size = Convert.ToInt32(Encoding.ASCII.GetString(_buffer, _start, end), 16);
            _start += end + 2;
            if (!await Fill(size + 2))
                throw new FuzzFailure("an answer ends within a chunk");
            body.Write(_buffer, _start, size);
            _start += size + 2;
            if (size == 0)
                return body.ToArray();
        }
    }

    private async Task<bool> Fill(int count)
    {
        if (_end - _start >= count)
            return true;
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_buffer.Length < count)
            Array.Resize(ref _buffer, Math.Max(count, _buffer.Length * 2));
        while (_end < count)
        {
            int read;
            try
            {
                read = await _socket.ReceiveAsync(_buffer.AsMemory(_end), SocketFlags.None, _bound.Token);
            }
            catch (SocketException)
            {
                WasReset = true;
                read = 0;
            }
            catch (OperationCanceledException)
            {
                throw new FuzzFailure($"nothing came for {Bound.TotalSeconds} s");
            }
            if (read == 0)
                return false;
            _end += read;
        }
        return true;
    }
}
