using System.IO.Compression;
using System.Net.WebSockets;
using System.Text;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>permessage-deflate (RFC 7692).</summary>
public class CompressionTests
{
    private const int Limit = 1_000_000;
    private const string Offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

    [Theory, Combinatorial<Path>]
    public async Task The_frameworks_client_and_the_server_understand_each_other(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectAsync(configure: options => options.DangerousDeflateOptions = new WebSocketDeflateOptions());
        foreach (int size in new[] { 0, 1, 125, 126, 255, 256, 1000, 65_535, 65_536, 300_000 })
        {
            string text = string.Concat(Enumerable.Range(0, size / 10 + 1).Select(i => $"line {i:0000}\n"))[..size];
            Assert.Equal(text, await client.EchoAsync(text));
            var noise = new byte[size];
            new Random(size).NextBytes(noise);
            await client.SendBinaryAsync(noise);
            Assert.Equal(noise, (await client.ReceiveMessageAsync()).Data);
        }
        await client.CloseAsync();
    }

    [Fact]
    public async Task It_is_off_unless_switched_on()
    {
        await using var server = await Server.EchoAsync(Path.Polled);
        using var client = await server.ConnectRawAsync(headers: Offer);
        Assert.DoesNotContain("Sec-WebSocket-Extensions", client.Response);
        await client.SendAsync(RawClient.Frame(0xC1, Compress("x"u8)));
        await client.ReceiveCloseAsync(1002);
    }

    [Fact]
    public async Task Large_messages_are_compressed_once_and_small_ones_not_at_all()
    {
        var recorder = new Recorder();
        await using var server = await Server.StartAsync(Path.Polled, app => app.MapConnections<Recorder>("/ws"),
            options => options.EnableCompression = true, builder => builder.AddHandler(recorder));
        using var one = await server.ConnectRawAsync(headers: Offer);
        using var two = await server.ConnectRawAsync(headers: Offer);
        using var plain = await server.ConnectRawAsync();
        for (int i = 0; i < 3; i++)
            await recorder.ConnectionAsync();
        string large = new('a', 5000), small = new('b', 255);
        var noise = new byte[1000];
        new Random(1).NextBytes(noise);
        var frame = Frame.Join([Frame.Text(large), Frame.Text(small), Frame.Binary(noise)]);
        Assert.Equal(3, server.Registry.Broadcast(frame));
        foreach (var client in new[] { one, two })
        {
            var first = await client.ReceiveAsync();
            Assert.Equal(0xC1, first!.First);
            Assert.InRange(first.Payload.Length, 1, 100);
            Assert.Equal(large, Encoding.UTF8.GetString(Decompress(first.Payload)));
            var second = await client.ReceiveAsync();
            Assert.Equal((0x81, small), (second!.First, second.Text));
            var third = await client.ReceiveAsync(); // does not get smaller: sent as it is
            Assert.Equal(0x82, third!.First);
            Assert.Equal(noise, third.Payload);
        }
        Assert.Equal((0x81, large), await FirstAsync(plain));
        Assert.Same(frame.Compressed(15), frame.Compressed(15));
    }

    [Theory, Combinatorial<Path>]
    public async Task Compressed_messages_may_be_fragmented(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync(headers: Offer);
        var compressed = Compress("hello, hello, hello"u8);
        await client.SendAsync([.. RawClient.Frame(0x41, compressed.AsSpan(0, 3)), .. RawClient.Frame(0x89, "p"u8), .. RawClient.Frame(0x80, compressed.AsSpan(3))]);
        Assert.Equal("p", (await client.ReceiveAsync())!.Text);
        Assert.Equal("hello, hello, hello", await client.ReceiveTextAsync());
        await client.SendAsync(RawClient.Text("not compressed is fine too"));
        Assert.Equal("not compressed is fine too", await client.ReceiveTextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task A_bomb_is_stopped_at_the_limit(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync(headers: Offer);
        var bomb = Compress(new byte[200_000_000]);
        Assert.InRange(bomb.Length, 1, Limit); // small on the wire
        long before = GC.GetTotalAllocatedBytes();
        await client.SendAsync(RawClient.Frame(0xC2, bomb));
        await client.ReceiveCloseAsync(1009);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 50_000_000);
    }

    [Theory, Combinatorial<Path>]
    public async Task A_message_of_exactly_the_limit_is_inflated(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync(headers: Offer);
        await client.SendAsync(RawClient.Frame(0xC2, Compress(new byte[Limit])));
        Assert.Equal(Limit, Decompress((await client.ReceiveAsync())!.Payload).Length);
        await client.SendAsync(RawClient.Frame(0xC2, Compress(new byte[Limit + 1])));
        await client.ReceiveCloseAsync(1009);
    }

    public static TheoryData<string, byte[], int> Broken() => new()
    {
        { "not deflate", RawClient.Frame(0xC1, [0xFF, 0xFF, 0xFF, 0xFF]), 1007 },
        { "cut", RawClient.Frame(0xC1, Compress("hello, this is cut in the middle of it"u8).AsSpan(0, 10)), 1007 },
        { "not UTF-8 inside", RawClient.Frame(0xC1, Compress([0xC3, 0x28])), 1007 },
        { "not UTF-8 inside fragments", [.. RawClient.Frame(0x41, Compress([0xC3, 0x28]).AsSpan(0, 1)), .. RawClient.Frame(0x80, Compress([0xC3, 0x28]).AsSpan(1))], 1007 },
        { "compressed ping", RawClient.Frame(0xC9, "x"u8), 1002 },
        { "compressed continuation", [.. RawClient.Frame(0x01, "x"u8), .. RawClient.Frame(0xC0, "y"u8)], 1002 },
    };

    [Theory, MemberData(nameof(Broken), DisableDiscoveryEnumeration = true)]
    public async Task Broken_compression_gets_its_close_code(string name, byte[] bytes, int code)
    {
        await using var server = await StartAsync(Path.Polled);
        using var client = await server.ConnectRawAsync(headers: Offer);
        await client.SendAsync(bytes);
        var close = await client.ReceiveCloseAsync(code);
        Assert.True(close.CloseReason.Length > 0, name);
    }

    private static Task<Server> StartAsync(Path path) => Server.EchoAsync(path, options =>
    {
        options.EnableCompression = true;
        options.MaxMessageSize = Limit;
    });

    private static async Task<(int, string)> FirstAsync(RawClient client)
    {
        var frame = await client.ReceiveAsync();
        return (frame!.First, frame.Text);
    }

    private static byte[] Compress(ReadOnlySpan<byte> data)
    {
        using var target = new MemoryStream();
        using var deflate = new DeflateStream(target, CompressionLevel.Optimal);
        deflate.Write(data);
        deflate.Flush();
        return target.ToArray()[..^4];
    }

    private static byte[] Decompress(byte[] data)
    {
        using var source = new MemoryStream([.. data, 0, 0, 0xFF, 0xFF]);
        using var deflate = new DeflateStream(source, CompressionMode.Decompress);
        using var target = new MemoryStream();
        deflate.CopyTo(target);
        return target.ToArray();
    }
}
