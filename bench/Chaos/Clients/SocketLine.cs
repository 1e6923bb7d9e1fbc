using System.Net.WebSockets;
using System.Text;
using System.Threading.Channels;

namespace Realtime.Chaos.Clients;

/// <summary>A WebSocket.</summary>
internal sealed class SocketLine : ILine
{
    /// <summary>How long the opening handshake may take; the JavaScript client has 10 s, and here the way is short.</summary>
    private static readonly TimeSpan s_openTimeout = TimeSpan.FromSeconds(5);

    private readonly ClientWebSocket _socket = new();

    private SocketLine()
    {
        _socket.Options.KeepAliveInterval = TimeSpan.FromSeconds(5);
        _socket.Options.KeepAliveTimeout = TimeSpan.FromSeconds(10);
    }

    public static async Task<ILine?> Open(Uri front, string user, CancellationToken stopping)
    {
        var line = new SocketLine();
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        bound.CancelAfter(s_openTimeout);
        try
        {
            await line._socket.ConnectAsync(new Uri(front, $"/ws?user={user}"), bound.Token);
            return line;
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            line.Dispose();
            return null;
        }
    }

    public async Task Send(ChannelReader<string> frames, CancellationToken stopping)
    {
        try
        {
            await foreach (var frame in frames.ReadAllAsync(stopping))
                await _socket.SendAsync(Encoding.UTF8.GetBytes(frame), WebSocketMessageType.Text, true, stopping);
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // The receiving side tells of the loss.
        }
    }

    public async Task<string> Receive(ReceiveFrame received, CancellationToken stopping)
    {
        var buffer = new byte[16 * 1024]; // frames here are some hundred bytes
        var length = 0;
        try
        {
            while (true)
            {
                if (length == buffer.Length)
                    Array.Resize(ref buffer, 2 * length);
                var part = await _socket.ReceiveAsync(buffer.AsMemory(length), stopping);
                if (part.MessageType == WebSocketMessageType.Close)
                    return $"closed: {(int?)_socket.CloseStatus} {_socket.CloseStatusDescription}";
                length += part.Count;
                if (!part.EndOfMessage)
                    continue;
                var frame = ServerFrame.Parse(buffer.AsSpan(0, length));
                length = 0;
                received(frame);
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            return exception.Message;
        }
    }

    public void Dispose() => _socket.Dispose();
}
