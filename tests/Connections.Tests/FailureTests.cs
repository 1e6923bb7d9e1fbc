using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>What a peer sent before it broke a rule is handled, and answered, before the connection says so.</summary>
public class FailureTests
{
    public static TheoryData<Path, byte[], int> Failures()
    {
        var failures = new TheoryData<Path, byte[], int>();
        foreach (var path in Enum.GetValues<Path>())
        {
            failures.Add(path, [0x83, 0x80, 1, 2, 3, 4], 1002);
            failures.Add(path, RawClient.Frame(0x81, [0xFF]), 1007);
            failures.Add(path, RawClient.Frame(0x82, new byte[2000]), 1009);
            failures.Add(path, RawClient.Frame(0x88, [1]), 1002);
            failures.Add(path, RawClient.Frame(0xC1, [0x03]), 1007);
        }
        return failures;
    }

    [Theory, MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public async Task What_came_before_a_failure_is_answered_first(Path path, byte[] failure, int code)
    {
        await using var server = await Server.StartAsync(path, async connection =>
        {
            await Task.Delay(Timeout.Infinite, connection.Closed).ContinueWith(_ => { }); // until the failure has been seen
            await Server.Echo(connection);
        }, Options);
        using var client = await ConnectAsync(server);
        await client.SendAsync([.. RawClient.Text("one"), .. RawClient.Frame(0x89, "p"u8), .. RawClient.Text("two"), .. failure, .. RawClient.Text("never")]);
        Assert.Equal("p", (await client.ReceiveAsync())!.Text);
        Assert.Equal("one", await client.ReceiveTextAsync());
        Assert.Equal("two", await client.ReceiveTextAsync());
        var close = await client.ReceiveAsync();
        Assert.Equal((8, code), (close!.Opcode, close.CloseCode));
    }

    [Theory, Combinatorial<Path>]
    public async Task A_function_that_never_ends_does_not_hold_up_the_failure(Path path)
    {
        var time = new ManualTimeProvider();
        var taken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var never = new TaskCompletionSource();
        await using var server = await Server.StartAsync(path, async connection =>
        {
            await connection.ReceiveAsync();
            connection.Closed.Register(taken.SetResult);
            await never.Task;
        }, options =>
        {
            Options(options);
            options.CloseTimeout = TimeSpan.FromSeconds(3);
        }, builder => builder.UseTime(time));
        using var client = await ConnectAsync(server);
        await client.SendAsync([.. RawClient.Text("one"), .. RawClient.Frame(0x83, [])]);
        await taken.Task.Within();
        time.Advance(5);
        await client.ReceiveCloseAsync(1002);
        never.SetResult();
    }

    [Theory, Combinatorial<Path>]
    public async Task A_function_may_close_for_itself_after_a_failure(Path path)
    {
        await using var server = await Server.StartAsync(path, async connection =>
        {
            var message = await connection.ReceiveAsync();
            await Task.Delay(Timeout.Infinite, connection.Closed).ContinueWith(_ => { });
            Assert.Equal(CloseCodes.ProtocolError, connection.CloseStatus!.Value.Code);
            await connection.SendAsync(message);
        }, Options);
        using var client = await ConnectAsync(server);
        await client.SendAsync([.. RawClient.Text("one"), .. RawClient.Frame(0x83, [])]);
        Assert.Equal("one", await client.ReceiveTextAsync());
        await client.ReceiveCloseAsync(1002); // the first reason counts
    }

    public static TheoryData<Path, byte[], int> CloseFrames()
    {
        var frames = new TheoryData<Path, byte[], int>();
        foreach (var path in Enum.GetValues<Path>())
        {
            frames.Add(path, RawClient.Frame(0x88, [1]), 1002);
            frames.Add(path, RawClient.Close(1005), 1002);
            frames.Add(path, RawClient.Close(5000, "why"), 1002);
            frames.Add(path, RawClient.Frame(0x88, [3, 0xE8, 0xFF]), 1007);
            frames.Add(path, RawClient.Frame(0x88, new byte[126]), 1002);
            frames.Add(path, RawClient.Frame(0xA8, [3, 0xE8]), 1002);
            frames.Add(path, RawClient.Frame(0x08, [3, 0xE8]), 1002);
            frames.Add(path, [0x88, 2, 3, 0xE8], 1002);
            frames.Add(path, [.. RawClient.Frame(0x83, []), .. RawClient.Close(1000)], 1002);
        }
        return frames;
    }

    /// <summary>Who sent a close frame, valid or not, sends no answer, so none is waited for: the server ends the connection.</summary>
    [Theory, MemberData(nameof(CloseFrames), DisableDiscoveryEnumeration = true)]
    public async Task A_close_frame_that_is_not_valid_ends_the_connection_at_once(Path path, byte[] frame, int code)
    {
        // The server's time stands still: no bound ends it.
        await using var server = await Server.EchoAsync(path, Options, builder => builder.UseTime(new ManualTimeProvider()));
        using var client = await ConnectAsync(server);
        await client.SendAsync([.. RawClient.Text("one"), .. frame]);
        Assert.Equal("one", await client.ReceiveTextAsync());
        await client.ReceiveCloseAsync(code, answer: false);
        await client.ReceiveEndAsync();
    }

    private static void Options(ConnectionOptions options)
    {
        options.EnableCompression = true;
        options.MaxMessageSize = 1000;
    }

    private static Task<RawClient> ConnectAsync(Server server) => server.ConnectRawAsync(headers: "Sec-WebSocket-Extensions: permessage-deflate\r\n");
}
