using System.IO.Compression;
using System.Text;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>Compressed messages that are cut, and those that hold blocks which are the last of a stream (RFC 7692 section 7.2).</summary>
public class WholeMessageTests
{
    private const string Offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    private static readonly byte[] s_hello = Convert.FromHexString("F348CDC9C90700"); // "Hello" in a last block

    private static readonly ZLibCompressionStrategy[] s_strategies = [ZLibCompressionStrategy.Default, ZLibCompressionStrategy.Fixed, ZLibCompressionStrategy.HuffmanOnly];

    public static TheoryData<string, byte[]> Messages()
    {
        var messages = new TheoryData<string, byte[]>();
        byte[] text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 12).Select(i => $"{{\"seq\":{i * 7919},\"from\":\"user{i * 31 % 7}\"}}")));
        var noise = new byte[90];
        new Random(7).NextBytes(noise);
        foreach (var strategy in s_strategies)
            messages.Add($"{strategy}", Compress(text, strategy));
        messages.Add("stored", Compress(noise, ZLibCompressionStrategy.Default, level: 0));
        messages.Add("nothing", [0x00]);
        messages.Add("one byte repeated", Compress(new byte[5000], ZLibCompressionStrategy.Default));
        messages.Add("several blocks", [.. Compress(text.AsSpan(0, 60), ZLibCompressionStrategy.Default), 0, 0, 0xFF, 0xFF, .. Compress(text.AsSpan(60, 90), ZLibCompressionStrategy.HuffmanOnly)]);
        messages.Add("a last block", [.. s_hello, 0x00]);
        messages.Add("two streams", [.. s_hello, .. s_hello, 0x00]);
        messages.Add("a stream after a last block", [.. s_hello, .. Compress(text.AsSpan(0, 100), ZLibCompressionStrategy.Default)]);
        messages.Add("a last block that is stored", [0x00, 0x05, 0x00, 0xFA, 0xFF, .. "Hello"u8, 0x01]);
        return messages;
    }

    [Theory, MemberData(nameof(Messages), DisableDiscoveryEnumeration = true)]
    public async Task A_message_cut_anywhere_is_refused_unless_it_is_whole(string name, byte[] message)
    {
        Assert.NotNull(DeflateReader.Read(message));
        await using var server = await Server.EchoAsync(Path.Polled, options => options.EnableCompression = true);
        await Parallel.ForAsync(0, message.Length + 1, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (length, _) =>
        {
            var cut = message[..length];
            using var client = await server.ConnectRawAsync(headers: Offer);
            await client.SendAsync(RawClient.Frame(0xC2, cut));
            var frame = await client.ReceiveAsync();
            Assert.NotNull(frame);
            if (DeflateReader.Read(cut) is { } whole)
            {
                Assert.True(frame.Opcode == 2, $"{name}, whole at {length}: {frame.CloseReason}");
                Assert.Equal(whole.Output, frame.Rsv1 ? DeflateReader.Read(frame.Payload)!.Output : frame.Payload);
            }
            else
                Assert.True((frame.Opcode, frame.CloseCode) == (8, 1007), $"{name}, cut at {length}: opcode {frame.Opcode}, {frame.Payload.Length} bytes");
        });
    }

    [Theory]
    [InlineData("F348CDC9C9070000", "Hello")]
    [InlineData("F348CDC9C907000ACF2FCA490100", "HelloWorld")]
    [InlineData("F348CDC9C90700F348CDC9C9070000", "HelloHello")]
    [InlineData("F248CDC9C90700", "Hello")]
    [InlineData("F248050000 00FFFFCAC9C90700", "Hello")]
    [InlineData("000500FAFF48656C6C6F00", "Hello")]
    [InlineData("0300030000", "")]
    [InlineData("00", "")]
    [InlineData("F348CDC9C90700FF", null)]
    [InlineData("F348CDC9C9070048656C6C6F", null)]
    [InlineData("F348CDC9C907000000", null)]
    [InlineData("", null)]
    public async Task What_follows_a_last_block_belongs_to_the_message(string hex, string? text)
    {
        await using var server = await Server.EchoAsync(Path.Polled, options => options.EnableCompression = true);
        using var client = await server.ConnectRawAsync(headers: Offer);
        var message = Convert.FromHexString(hex.Replace(" ", ""));
        int half = message.Length / 2;
        await client.SendAsync([.. RawClient.Frame(0x41, message.AsSpan(0, half)), .. RawClient.Frame(0x80, message.AsSpan(half))]);
        if (text is null)
            await client.ReceiveCloseAsync(1007);
        else
            Assert.Equal(text, await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Content_that_looks_like_the_head_of_a_block_is_content()
    {
        await using var server = await Server.EchoAsync(Path.Polled, options => options.EnableCompression = true);
        using var client = await server.ConnectRawAsync(headers: Offer);
        foreach (byte size in new byte[] { 0, 8, 9 })
        {
            byte[] content = [1, 2, 3, size, 0, (byte)~size, 0xFF];
            foreach (var strategy in s_strategies)
            {
                await client.SendAsync(RawClient.Frame(0xC2, Compress(content, strategy)));
                Assert.Equal(content, (await client.ReceiveAsync())!.Payload);
            }
        }
    }

    [Fact]
    public async Task Very_many_streams_in_one_message_are_refused()
    {
        await using var server = await Server.EchoAsync(Path.Polled, options => options.EnableCompression = true);
        using var client = await server.ConnectRawAsync(headers: Offer);
        byte[] nothing = [0x03, 0x00];
        await client.SendAsync(RawClient.Frame(0xC1, [.. Enumerable.Repeat(nothing, 14).SelectMany(stream => stream), .. s_hello, 0x00]));
        Assert.Equal("Hello", await client.ReceiveTextAsync());
        await client.SendAsync(RawClient.Frame(0xC1, [.. Enumerable.Repeat(nothing, 1000).SelectMany(stream => stream), 0x00]));
        await client.ReceiveCloseAsync(1008);
    }

    [Fact]
    public async Task A_limit_holds_over_all_streams_of_a_message()
    {
        await using var server = await Server.EchoAsync(Path.Polled, options =>
        {
            options.EnableCompression = true;
            options.MaxMessageSize = 10;
        });
        using var client = await server.ConnectRawAsync(headers: Offer);
        await client.SendAsync([.. RawClient.Frame(0x41, s_hello), .. RawClient.Frame(0x80, [0x00])]);
        Assert.Equal("Hello", await client.ReceiveTextAsync());
        foreach (var (size, code) in new[] { (10, 0), (11, 1009), (17, 1009), (18, 1009), (19, 1009) })
        {
            using var other = await server.ConnectRawAsync(headers: Offer);
            await other.SendAsync(RawClient.Frame(0xC2, Compress(new byte[size], ZLibCompressionStrategy.Default)));
            if (code == 0)
                Assert.Equal(size, (await other.ReceiveAsync())!.Payload.Length);
            else
                await other.ReceiveCloseAsync(code);
        }
    }

    private static byte[] Compress(ReadOnlySpan<byte> data, ZLibCompressionStrategy strategy, int level = 6)
    {
        using var target = new MemoryStream();
        using var deflate = new DeflateStream(target, new ZLibCompressionOptions { CompressionLevel = level, CompressionStrategy = strategy });
        deflate.Write(data);
        deflate.Flush();
        return target.ToArray()[..^4];
    }
}
