using System.Text;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>What RFC 6455 section 4.2.1 wants of an upgrade request, point by point.</summary>
public class HandshakeTests
{
    private static readonly string s_good = RawClient.UpgradeRequest();

    [Theory]
    [InlineData("GET /ws HTTP/1.1", "get /ws HTTP/1.1", 405)]
    [InlineData("GET /ws HTTP/1.1", "Get /ws HTTP/1.1", 405)]
    [InlineData("GET /ws HTTP/1.1", "HEAD /ws HTTP/1.1", 405)]
    [InlineData("GET /ws HTTP/1.1", "GET /ws HTTP/1.0", 426)]
    [InlineData("Host: localhost\r\n", "", 400)]
    [InlineData("Host: localhost\r\n", "Host: localhost\r\nHost: other\r\n", 400)]
    [InlineData("Upgrade: websocket\r\n", "Upgrade: h2c, WebSocket\r\n", 101)]
    [InlineData("Upgrade: websocket\r\n", "Upgrade: websockets\r\n", 426)]
    [InlineData("Upgrade: websocket\r\n", "Upgrade: websocket/13\r\n", 426)]
    [InlineData("Connection: Upgrade\r\n", "Connection: keep-alive, upgrade\r\n", 101)]
    [InlineData("Connection: Upgrade\r\n", "Connection: keep-alive\r\nConnection: Upgrade\r\n", 101)]
    [InlineData("Connection: Upgrade\r\n", "Connection: keep-alive, upgraded\r\n", 426)]
    [InlineData("Connection: Upgrade\r\n", "Connection: keep-alive\r\n", 426)]
    [InlineData("Version: 13\r\n", "Version: 013\r\n", 426)]
    [InlineData("Version: 13\r\n", "Version: 13, 8\r\n", 426)]
    [InlineData("Version: 13\r\n", "Version: 13\r\nSec-WebSocket-Version: 13\r\n", 426)]
    [InlineData("Version: 13\r\n", "Version:  13 \r\n", 101)]
    [InlineData("Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400)]
    [InlineData("Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Key: dGhlIHNhbXBsZSBub25j ZQ=\r\n", 400)]
    [InlineData("Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Key: dGhlIHNhbXBs ZSBub25jZQ==\r\n", 400)]
    [InlineData("Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Key: dGhlIHNhbXBsZSBub25jZQ\r\n", 400)]
    [InlineData("Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Key: dGhlIHNhbXBsZSBub25j-_==\r\n", 400)]
    [InlineData("Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Key:\r\n", 400)]
    [InlineData("\r\n\r\n", "\r\nSec-WebSocket-Protocol: a b\r\n\r\n", 400)]
    [InlineData("\r\n\r\n", "\r\nSec-WebSocket-Protocol: a/b\r\n\r\n", 400)]
    [InlineData("\r\n\r\n", "\r\nSec-WebSocket-Protocol: \"a\"\r\n\r\n", 400)]
    [InlineData("\r\n\r\n", "\r\nSec-WebSocket-Protocol: ,\r\n\r\n", 400)]
    [InlineData("\r\n\r\n", "\r\nSec-WebSocket-Protocol: a,, b ,\r\nSec-WebSocket-Protocol: c\r\n\r\n", 101)]
    [InlineData("\r\n\r\n", "\r\nSec-WebSocket-Extensions: a;b=c d\r\n\r\n", 400)]
    [InlineData("\r\n\r\n", "\r\nSec-WebSocket-Extensions: a;b=c, d; e=\"f\"\r\n\r\n", 101)]
    [InlineData("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n12345", 426)]
    public async Task A_request_is_upgraded_only_if_it_follows_the_rules(string part, string changed, int status)
    {
        Assert.Contains(part, s_good);
        await using var server = await Server.EchoAsync(Path.Polled);
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync(Encoding.ASCII.GetBytes(s_good.Replace(part, changed)));
        string head = await client.ReadHeadAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", head);
        Assert.Equal(status == 101, head.Contains("Sec-WebSocket-Accept"));
        if (status == 405)
            Assert.Contains("\r\nAllow: GET\r\n", head);
        if (status == 426)
            Assert.Contains(part.StartsWith("Version", StringComparison.Ordinal) ? "\r\nSec-WebSocket-Version: 13\r\n" : "\r\nUpgrade: websocket\r\n", head);
        if (status == 101)
        {
            await client.SendTextAsync("served");
            Assert.Equal("served", await client.ReceiveTextAsync());
        }
    }
}
