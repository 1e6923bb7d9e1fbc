using System.Net.WebSockets;
using System.Text;

namespace Realtime.Connections.Tests.Support;

/// <summary>Shorthand for the framework's client.</summary>
public static class Client
{
    public static Task SendTextAsync(this WebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text).AsMemory(), WebSocketMessageType.Text, endOfMessage: true, default).Within();

    public static Task SendBinaryAsync(this WebSocket socket, byte[] data) =>
        socket.SendAsync(data.AsMemory(), WebSocketMessageType.Binary, endOfMessage: true, default).Within();

    /// <summary>The next message, whole; a close as (Close, empty).</summary>
    public static async Task<(WebSocketMessageType Type, byte[] Data)> ReceiveMessageAsync(this WebSocket socket)
    {
        var data = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer.AsMemory(), default).Within();
            data.Write(buffer, 0, result.Count);
            if (result.EndOfMessage)
                return (result.MessageType, data.ToArray());
        }
    }

    public static async Task<string> ReceiveTextAsync(this WebSocket socket)
    {
        var (type, data) = await socket.ReceiveMessageAsync();
        Assert.Equal(WebSocketMessageType.Text, type);
        return Encoding.UTF8.GetString(data);
    }

    public static async Task<string> EchoAsync(this WebSocket socket, string text)
    {
        await socket.SendTextAsync(text);
        return await socket.ReceiveTextAsync();
    }

    public static async Task AssertClosedAsync(this WebSocket socket, int code, string? reason = null)
    {
        var (type, _) = await socket.ReceiveMessageAsync();
        Assert.Equal(WebSocketMessageType.Close, type);
        Assert.Equal(code, (int)socket.CloseStatus!);
        if (reason is not null)
            Assert.Equal(reason, socket.CloseStatusDescription);
        await socket.CloseOutputAsync(socket.CloseStatus!.Value, null, default).Within();
    }

    public static Task CloseAsync(this WebSocket socket, int code = 1000, string reason = "") =>
        socket.CloseAsync((WebSocketCloseStatus)code, reason, default).Within();
}
