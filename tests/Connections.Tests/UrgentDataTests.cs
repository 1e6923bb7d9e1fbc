using System.Net.Sockets;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>Urgent data (RFC 9293 section 3.8.5) is no part of the stream: it is passed over, and what follows it arrives.</summary>
public class UrgentDataTests
{
    [Theory, Combinatorial<Path>]
    public async Task What_follows_an_urgent_byte_arrives(Path path)
    {
        await using var server = await Server.EchoAsync(path);
        using var client = await server.ConnectRawAsync();
        for (int i = 0; i < 200; i++)
        {
            // In the middle of a frame and between frames, all in one go, so that nothing comes after it that would tell.
            var frame = RawClient.Text($"message {i}");
            client.Socket.Send(frame.AsSpan(0, i % frame.Length));
            client.Socket.Send([(byte)'!'], SocketFlags.OutOfBand);
            client.Socket.Send(frame.AsSpan(i % frame.Length));
            Assert.Equal($"message {i}", await client.ReceiveTextAsync());
        }
    }
}
