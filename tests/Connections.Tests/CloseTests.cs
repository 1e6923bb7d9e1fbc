using System.Net.Sockets;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

public class CloseTests
{
    [Theory, Combinatorial<Path>]
    public async Task A_server_side_close_completes_with_the_handshake(Path path)
    {
        var recorder = new Recorder();
        await using var server = await RecordAsync(path, recorder);
        using var client = await server.ConnectAsync();
        var connection = await recorder.ConnectionAsync();
        Assert.Null(connection.CloseStatus);

        var closing = connection.CloseAsync(CloseCodes.Kicked, "out");
        Assert.False(closing.IsCompleted);
        await client.AssertClosedAsync(4002, "out");
        await closing.Within();
        Assert.False(connection.IsConnected);
        Assert.Equal((CloseCodes.Kicked, "out"), connection.CloseStatus);
        Assert.Equal("connected", await recorder.NextAsync());
        Assert.Equal("closed 4002 out", await recorder.NextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task Many_closes_at_once_are_one_close(Path path)
    {
        var recorder = new Recorder();
        await using var server = await RecordAsync(path, recorder);
        using var client = await server.ConnectRawAsync();
        var connection = await recorder.ConnectionAsync();
        var closes = Enumerable.Range(0, 20).Select(i => Task.Run(() => connection.CloseAsync((ushort)(4100 + i), $"close {i}"))).ToArray();

        var close = await client.ReceiveAsync();
        Assert.Equal(8, close!.Opcode);
        Assert.Equal($"close {close.CloseCode - 4100}", close.CloseReason);
        await client.SendAsync(RawClient.Close(close.CloseCode));
        await client.ReceiveEndAsync(); // no second close frame
        await Task.WhenAll(closes).Within();
        Assert.Equal("connected", await recorder.NextAsync());
        Assert.Equal($"closed {close.CloseCode} {close.CloseReason}", await recorder.NextAsync());
        Assert.True(connection.CloseAsync().IsCompletedSuccessfully);
        connection.Abort();
        Assert.Equal((close.CloseCode, close.CloseReason), ((int)connection.CloseStatus!.Value.Code, connection.CloseStatus.Value.Reason));
    }

    [Theory, Combinatorial<Path>]
    public async Task A_callback_of_the_application_that_throws_costs_nobody_anything(Path path)
    {
        var recorder = new Recorder();
        await using var server = await RecordAsync(path, recorder);
        var called = new TaskCompletionSource();
        using (var client = await server.ConnectAsync())
        {
            var connection = await recorder.ConnectionAsync();
            connection.Closed.Register(called.SetResult);
            connection.Closed.Register(() => throw new InvalidOperationException("A callback of the application."));
            _ = connection.CloseAsync(CloseCodes.Kicked, "out");
            await client.AssertClosedAsync(4002, "out");
        }
        await called.Task.Within(); // unguarded, the first throw ends this process
        using var next = await server.ConnectAsync();
    }

    [Theory, Combinatorial<Path>]
    public async Task What_is_queued_goes_before_the_close(Path path)
    {
        var recorder = new Recorder();
        await using var server = await RecordAsync(path, recorder);
        using var client = await server.ConnectRawAsync();
        var connection = await recorder.ConnectionAsync();
        for (int i = 0; i < 100; i++)
            connection.SendText($"{i}");
        _ = connection.CloseAsync();
        for (int i = 0; i < 100; i++)
            Assert.Equal($"{i}", await client.ReceiveTextAsync());
        await client.ReceiveCloseAsync(1000);
    }

    [Theory, Combinatorial<Path>]
    public async Task A_handler_can_await_its_own_close(Path path)
    {
        var closed = new TaskCompletionSource();
        var recorder = new Recorder
        {
            Message = async (connection, message) =>
            {
                await connection.CloseAsync(CloseCodes.PolicyViolation, message.Text);
                closed.SetResult();
            },
        };
        await using var server = await RecordAsync(path, recorder);
        using var client = await server.ConnectAsync();
        await client.SendTextAsync("because");
        await client.AssertClosedAsync(1008, "because");
        await closed.Task.Within();
        Assert.Equal("connected", await recorder.NextAsync());
        Assert.Equal("closed 1008 because", await recorder.NextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task A_peer_that_does_not_answer_the_close_is_cut_after_the_bound(Path path)
    {
        var time = new ManualTimeProvider();
        var recorder = new Recorder();
        await using var server = await RecordAsync(path, recorder, options => options.CloseTimeout = TimeSpan.FromSeconds(5), time);
        using var client = await server.ConnectRawAsync();
        var connection = await recorder.ConnectionAsync();
        var closing = connection.CloseAsync(CloseCodes.Kicked);
        await client.ReceiveCloseAsync(4002, answer: false);
        time.Advance(4);
        Assert.False(closing.IsCompleted);
        time.Advance(3);
        await closing.Within();
        await client.ReceiveEndAsync();
        Assert.Equal("connected", await recorder.NextAsync());
        Assert.Equal("closed 4002 ", await recorder.NextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task A_peer_that_vanishes_is_reported_as_1006(Path path)
    {
        var recorder = new Recorder();
        await using var server = await RecordAsync(path, recorder);
        using (var client = await server.ConnectRawAsync())
            await recorder.ConnectionAsync();
        Assert.Equal("connected", await recorder.NextAsync());
        Assert.Equal("closed 1006 ", await recorder.NextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task A_half_closed_peer_is_reported_as_1006(Path path)
    {
        var recorder = new Recorder();
        await using var server = await RecordAsync(path, recorder);
        using var client = await server.ConnectRawAsync();
        client.CloseOutput();
        await client.ReceiveEndAsync();
        Assert.Equal("connected", await recorder.NextAsync());
        Assert.Equal("closed 1006 ", await recorder.NextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task Abort_cuts_at_once(Path path)
    {
        var recorder = new Recorder();
        await using var server = await RecordAsync(path, recorder);
        using var client = await server.ConnectRawAsync();
        (await recorder.ConnectionAsync()).Abort();
        await client.ReceiveEndAsync();
        Assert.Equal("connected", await recorder.NextAsync());
        Assert.Equal("closed 1006 ", await recorder.NextAsync());
    }

    [Theory, Combinatorial<Path>(false, true)]
    public async Task A_handler_that_throws_closes_with_1011(Path path, bool later)
    {
        var recorder = new Recorder
        {
            Message = async (_, _) =>
            {
                if (later)
                    await Task.Yield();
                throw new InvalidOperationException("a secret");
            },
        };
        await using var server = await RecordAsync(path, recorder);
        using var client = await server.ConnectAsync();
        await client.SendTextAsync("x");
        await client.AssertClosedAsync(1011, "internal error");
    }

    [Theory, Combinatorial<Path>]
    public async Task A_handler_that_throws_on_connecting_closes_with_1011(Path path)
    {
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Refusing>("/ws"));
        using var client = await server.ConnectAsync();
        await client.AssertClosedAsync(1011);
    }

    [Theory, Combinatorial<Path>]
    public async Task A_function_that_throws_closes_with_1011(Path path)
    {
        await using var server = await Server.StartAsync(path, async (Connection connection) =>
        {
            await connection.ReceiveAsync();
            throw new InvalidOperationException("a secret");
        });
        using var client = await server.ConnectAsync();
        await client.SendTextAsync("x");
        await client.AssertClosedAsync(1011, "internal error");
    }

    [Theory, Combinatorial<Path>]
    public async Task A_function_that_returns_closes_with_1000(Path path)
    {
        await using var server = await Server.StartAsync(path, (Connection connection) => connection.SendAsync("that is all").AsTask());
        using var client = await server.ConnectAsync();
        Assert.Equal("that is all", await client.ReceiveTextAsync());
        await client.AssertClosedAsync(1000);
    }

    [Theory, Combinatorial<Path>]
    public async Task A_function_learns_of_the_close_wherever_it_waits(Path path)
    {
        var seen = new TaskCompletionSource<ConnectionClosedException>();
        await using var server = await Server.StartAsync(path, async (Connection connection) =>
        {
            var token = connection.Closed;
            Assert.Equal("last", (await connection.ReceiveAsync()).Text);
            try
            {
                await connection.ReceiveAsync();
            }
            catch (ConnectionClosedException e)
            {
                await Task.Delay(Timeout.Infinite, token).ContinueWith(_ => { });
                seen.SetResult(e);
                throw;
            }
        });
        using var client = await server.ConnectAsync();
        await client.SendTextAsync("last");
        await client.CloseAsync(4321, "gone");
        var closed = await seen.Task.Within();
        Assert.Equal((4321, "gone"), (closed.Code, closed.Reason));
    }

    [Theory, Combinatorial<Path>]
    public async Task A_function_that_never_ends_does_not_hold_up_the_close(Path path)
    {
        var time = new ManualTimeProvider();
        var never = new TaskCompletionSource();
        var received = new TaskCompletionSource();
        await using var server = await Server.StartAsync(path, async (Connection connection) =>
        {
            await connection.ReceiveAsync();
            received.SetResult();
            await never.Task;
        }, build: builder => builder.UseTime(time));
        using var client = await server.ConnectRawAsync();
        await client.SendTextAsync("x");
        await received.Task.Within();
        await client.SendAsync(RawClient.Close(1000));
        await Waiting.Until(() => !server.Registry.Connections.Single().IsConnected);
        time.Advance(10); // the close timeout is 5 s
        await client.ReceiveCloseAsync(1000, answer: false);
        await client.ReceiveEndAsync();
        never.SetResult();
    }

    [Theory, Combinatorial<Path>]
    public async Task Sending_after_the_close_says_why(Path path)
    {
        var recorder = new Recorder();
        await using var server = await RecordAsync(path, recorder);
        using var client = await server.ConnectAsync();
        var connection = await recorder.ConnectionAsync();
        var closing = connection.CloseAsync(CloseCodes.TokenExpired, "expired");
        Assert.False(connection.TrySend(Frame.Text("x")));
        Assert.False(connection.Deliver(Frame.Text("x")));
        Assert.Throws<ConnectionClosedException>(() => connection.SendText("x"));
        Assert.Throws<ConnectionClosedException>(() => connection.SendBinary("x"u8));
        var closed = await Assert.ThrowsAsync<ConnectionClosedException>(() => connection.SendAsync("x").AsTask());
        Assert.Equal((4003, "expired"), (closed.Code, closed.Reason));
        Assert.True(connection.Closed.IsCancellationRequested);
        await client.AssertClosedAsync(4003);
        await closing.Within();
    }

    [Fact]
    public async Task Codes_and_reasons_that_must_not_be_sent_are_refused()
    {
        var recorder = new Recorder();
        await using var server = await RecordAsync(Path.Polled, recorder);
        using var client = await server.ConnectAsync();
        var connection = await recorder.ConnectionAsync();
        foreach (ushort code in new ushort[] { 0, 999, 1004, 1005, 1006, 1015, 2000, 2999, 5000 })
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => connection.CloseAsync(code));
        await Assert.ThrowsAsync<ArgumentException>(() => connection.CloseAsync(1000, new string('é', 62)));
        Assert.True(connection.IsConnected);
        _ = connection.CloseAsync(1000, new string('é', 61) + "x");
        await client.AssertClosedAsync(1000, new string('é', 61) + "x");
    }

    [Theory, Combinatorial<Path>]
    public async Task A_host_that_stops_closes_all_with_1001(Path path)
    {
        await using var server = await Server.EchoAsync(path);
        var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => server.ConnectAsync()));
        await Waiting.Until(() => server.Registry.Count == 20);
        var stopping = server.StopAsync();
        foreach (var client in clients)
            await client.AssertClosedAsync(1001);
        await stopping.Within();
        Assert.Equal(0, server.Registry.Count);
    }

    [Theory, Combinatorial<Path>]
    public async Task A_peer_that_ignores_the_shutdown_does_not_hold_it_up(Path path)
    {
        await using var server = await Server.EchoAsync(path, options => options.CloseTimeout = TimeSpan.FromSeconds(1));
        using var client = await server.ConnectRawAsync();
        await Waiting.Until(() => server.Registry.Count == 1);
        await server.StopAsync().Within(10); // a host waits 30 s for what does not end
        await client.ReceiveCloseAsync(1001, answer: false);
    }

    [Theory, Combinatorial<Path>]
    public async Task A_peer_that_floods_a_connection_that_closes_is_read_slowly(Path path)
    {
        var recorder = new Recorder();
        await using var server = await RecordAsync(path, recorder, options => options.CloseTimeout = TimeSpan.FromSeconds(1));
        using var wrong = await server.ConnectRawAsync();
        await recorder.ConnectionAsync();
        using var closed = await server.ConnectRawAsync();
        var connection = await recorder.ConnectionAsync();
        await wrong.SendAsync(RawClient.Frame(0x83, "an opcode that is none"u8));
        _ = connection.CloseAsync(CloseCodes.RateLimited, "too much");
        await wrong.ReceiveCloseAsync(1002, answer: false);
        await closed.ReceiveCloseAsync(CloseCodes.RateLimited, answer: false);
        foreach (var taken in await Task.WhenAll(Task.Run(() => Flood(wrong)), Task.Run(() => Flood(closed))).Within())
            Assert.InRange(taken, 0, 64 * 1024 * 1024); // most of it in the kernel's buffers
    }

    // Bytes that were taken until the connection ended.
    private static long Flood(RawClient client)
    {
        var frame = RawClient.Text(new string('x', 60_000));
        var taken = 0L;
        try
        {
            while (true)
                taken += client.Socket.Send(frame);
        }
        catch (SocketException)
        {
            return taken;
        }
    }

    private static Task<Server> RecordAsync(Path path, Recorder recorder, Action<ConnectionOptions>? options = null, ManualTimeProvider? time = null) =>
        Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), options, builder =>
        {
            builder.AddHandler(recorder);
            if (time is not null)
                builder.UseTime(time);
        });

    private sealed class Refusing : ConnectionHandler
    {
        public override ValueTask OnConnected(Connection connection) => throw new InvalidOperationException("no");
    }
}
