using System.Text;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>RFC 6455, frame by frame: what is allowed works, what is not gets the right close code.</summary>
public class ProtocolTests
{
    private const int Limit = 100_000;

    private static Task<Server> StartAsync(Path path) => Server.EchoAsync(path, options => options.MaxMessageSize = Limit);

    public static TheoryData<Path, string, byte[], int> Violations()
    {
        byte[] unmasked = [0x81, 1, (byte)'x'];
        var cases = new (string, byte[], int)[]
        {
            ("unmasked frame (5.1)", unmasked, 1002),
            ("reserved bit 1 without an extension (5.2)", RawClient.Frame(0xC1, "x"u8), 1002),
            ("reserved bit 2 (5.2)", RawClient.Frame(0xA1, "x"u8), 1002),
            ("reserved bit 3 (5.2)", RawClient.Frame(0x91, "x"u8), 1002),
            ("reserved bit on a ping (5.2)", RawClient.Frame(0xC9, ""u8), 1002),
            ("reserved opcode 3 (5.2)", RawClient.Frame(0x83, "x"u8), 1002),
            ("reserved opcode 7 (5.2)", RawClient.Frame(0x87, "x"u8), 1002),
            ("reserved control opcode 11 (5.2)", RawClient.Frame(0x8B, ""u8), 1002),
            ("reserved control opcode 15 (5.2)", RawClient.Frame(0x8F, ""u8), 1002),
            ("ping of 126 bytes (5.5)", RawClient.Frame(0x89, new byte[126]), 1002),
            ("close of 126 bytes (5.5)", RawClient.Frame(0x88, new byte[126]), 1002),
            ("fragmented ping (5.5)", RawClient.Frame(0x09, "x"u8), 1002),
            ("continuation of nothing (5.4)", RawClient.Frame(0x80, "x"u8), 1002),
            ("continuation after a whole message (5.4)", [.. RawClient.Frame(0x82, "x"u8), .. RawClient.Frame(0x80, "x"u8)], 1002),
            ("text inside a fragmented message (5.4)", [.. RawClient.Frame(0x01, "x"u8), .. RawClient.Text("y")], 1002),
            ("binary inside a fragmented message (5.4)", [.. RawClient.Frame(0x01, "x"u8), .. RawClient.Frame(0x02, "y"u8)], 1002),
            ("16-bit length that fits 7 bits (5.2)", [0x82, 0xFE, 0, 125, .. new byte[4 + 125]], 1002),
            ("64-bit length that fits 16 bits (5.2)", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, .. new byte[4]], 1002),
            ("64-bit length with its top bit set (5.2)", [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, .. new byte[4]], 1002),
            ("close with one byte (5.5.1)", RawClient.Frame(0x88, [3]), 1002),
            ("close with a reason that is not UTF-8 (8.1)", RawClient.Frame(0x88, [3, 0xE8, 0xFF]), 1007),
            ("text that is not UTF-8 (8.1)", RawClient.Frame(0x81, [0xC3, 0x28]), 1007),
            ("text with a surrogate (8.1)", RawClient.Frame(0x81, [0xED, 0xA0, 0x80]), 1007),
            ("text with an overlong form (8.1)", RawClient.Frame(0x81, [0xC0, 0xAF]), 1007),
            ("text that ends inside a character (8.1)", RawClient.Frame(0x81, [0xE2, 0x82]), 1007),
            ("text whose last fragment ends inside a character (8.1)", [.. RawClient.Frame(0x01, [0xE2]), .. RawClient.Frame(0x80, [0x82])], 1007),
            ("a fragment that no continuation makes UTF-8 (8.1)", RawClient.Frame(0x01, [0xF4, 0x90]), 1007),
            ("one byte over the limit", RawClient.Frame(0x82, new byte[Limit + 1]), 1009),
            ("a head that announces more than the limit", [0x82, 0xFF, 0, 0, 0, 0, 0x7F, 0, 0, 0, .. new byte[4]], 1009),
            ("a head that announces more than memory holds", [0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, .. new byte[4]], 1009),
            ("fragments over the limit together", [.. RawClient.Frame(0x02, new byte[Limit]), .. RawClient.Frame(0x80, [1])], 1009),
        };
        var data = new TheoryData<Path, string, byte[], int>();
        foreach (var path in Enum.GetValues<Path>())
            foreach (var (name, bytes, code) in cases)
                data.Add(path, name, bytes, code);
        foreach (int code in new[] { 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535 })
            data.Add(Path.Polled, $"close code {code} (7.4)", RawClient.Close(code), 1002);
        return data;
    }

    [Theory, MemberData(nameof(Violations), DisableDiscoveryEnumeration = true)]
    public async Task A_violation_gets_its_close_code(Path path, string name, byte[] bytes, int code)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        await client.SendTextAsync("before");
        Assert.Equal("before", await client.ReceiveTextAsync());
        await client.SendIfOpenAsync(bytes);
        var close = await client.ReceiveCloseAsync(code);
        Assert.True(close.CloseReason.Length > 0, name);

        using var other = await server.ConnectRawAsync(); // nobody else is harmed
        await other.SendTextAsync("other");
        Assert.Equal("other", await other.ReceiveTextAsync());
    }

    [Theory, Combinatorial<Path>(1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)]
    public async Task A_valid_close_is_answered_with_its_code(Path path, int code)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        await client.SendAsync(RawClient.Close(code, "bye"));
        var close = await client.ReceiveCloseAsync(code, answer: false);
        Assert.Equal("bye", close.CloseReason);
        await client.ReceiveEndAsync();
    }

    [Theory, Combinatorial<Path>]
    public async Task A_close_without_a_code_is_answered_without_one(Path path)
    {
        var recorder = new Recorder();
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), build: builder => builder.AddHandler(recorder));
        using var client = await server.ConnectRawAsync();
        await client.SendAsync(RawClient.Frame(0x88, ""u8));
        var close = await client.ReceiveAsync();
        Assert.NotNull(close);
        Assert.Equal(8, close.Opcode);
        Assert.Empty(close.Payload);
        await client.ReceiveEndAsync();
        Assert.Equal("connected", await recorder.NextAsync());
        Assert.Equal("closed 1005 ", await recorder.NextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task Fragments_are_joined_with_control_frames_between_them(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        await client.SendAsync(RawClient.Frame(0x01, "one "u8));
        await client.SendAsync([.. RawClient.Frame(0x89, "between"u8), .. RawClient.Frame(0x00, ""u8), .. RawClient.Frame(0x00, "two "u8)]);
        var pong = await client.ReceiveAsync();
        Assert.Equal(0x8A, pong!.First);
        Assert.Equal("between", pong.Text);
        await client.SendAsync([.. RawClient.Frame(0x8A, "unasked"u8), .. RawClient.Frame(0x80, "three"u8)]);
        Assert.Equal("one two three", await client.ReceiveTextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task A_character_may_be_split_over_fragments_at_every_byte(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        const string text = "κόσμε € 😀 \uFFFF\U0010FFFF";
        var bytes = Encoding.UTF8.GetBytes(text);
        for (int i = 0; i < bytes.Length; i++)
            await client.SendAsync(RawClient.Frame((i == 0 ? 0x01 : 0x00) | (i == bytes.Length - 1 ? 0x80 : 0), bytes.AsSpan(i, 1)));
        Assert.Equal(text, await client.ReceiveTextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task Bytes_may_come_one_by_one(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        byte[] bytes =
        [
            .. RawClient.Text("drop by drop"),
            .. RawClient.Frame(0x89, "ping"u8),
            .. RawClient.Frame(0x82, new byte[300]),
        ];
        foreach (byte one in bytes)
            await client.SendAsync([one]);
        // The pong comes from the read loop, the messages from the function: they are in no order.
        RawFrame[] back = [(await client.ReceiveAsync())!, (await client.ReceiveAsync())!, (await client.ReceiveAsync())!];
        Assert.Equal("drop by drop", Assert.Single(back, frame => frame.Opcode == 1).Text);
        Assert.Equal(300, Assert.Single(back, frame => frame.Opcode == 2).Payload.Length);
        Assert.Equal("ping", Assert.Single(back, frame => frame.Opcode == 10).Text);
    }

    [Theory, Combinatorial<Path>]
    public async Task A_fragmented_message_of_exactly_the_limit_is_taken(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        await client.SendAsync([.. RawClient.Frame(0x02, new byte[Limit - 1]), .. RawClient.Frame(0x80, [7])]);
        var back = await client.ReceiveAsync();
        Assert.Equal(Limit, back!.Payload.Length);
        Assert.Equal(7, back.Payload[^1]);
    }

    [Theory, Combinatorial<Path>]
    public async Task Invalid_text_fails_before_its_message_ends(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        // The head promises 1,000 bytes; the first that come are wrong.
        var frame = RawClient.Frame(0x81, [0xFF, .. new byte[999]]);
        await client.SendAsync(frame[..20]);
        await client.ReceiveCloseAsync(1007);
    }

    [Theory, Combinatorial<Path>]
    public async Task Every_ping_is_answered_with_its_payload(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        foreach (int size in new[] { 0, 1, 124, 125 })
        {
            var payload = new byte[size];
            new Random(size).NextBytes(payload);
            await client.SendAsync(RawClient.Frame(0x89, payload));
            var pong = await client.ReceiveAsync();
            Assert.Equal(0x8A, pong!.First);
            Assert.Equal(payload, pong.Payload);
        }
    }

    [Theory, Combinatorial<Path>]
    public async Task Nothing_is_answered_after_the_close(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        await client.SendAsync([.. RawClient.Close(1000), .. RawClient.Text("late"), .. RawClient.Frame(0x89, "late"u8)]);
        await client.ReceiveCloseAsync(1000, answer: false);
        await client.ReceiveEndAsync();
    }

    [Theory, Combinatorial<Path>]
    public async Task Random_bytes_never_harm_the_server(Path path)
    {
        await using var server = await StartAsync(path);
        var random = new Random(42);
        for (int i = 0; i < 50; i++)
        {
            using var client = await server.ConnectRawAsync();
            var noise = new byte[random.Next(1, 2000)];
            random.NextBytes(noise);
            await client.SendIfOpenAsync(noise);
        }
        await Waiting.Until(() => server.Registry.Count == 0);
        using var good = await server.ConnectAsync();
        Assert.Equal("fine", await good.EchoAsync("fine"));
    }
}
