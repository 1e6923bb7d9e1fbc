using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Realtime.Client.Tests;

/// <summary>How connections come about and end, and what the client does then.</summary>
public sealed class ConnectionTests
{
    [Theory]
    [InlineData(1000)]
    [InlineData(1002)]
    [InlineData(1003)]
    [InlineData(1007)]
    [InlineData(1008)]
    [InlineData(4001)]
    [InlineData(4002)]
    [InlineData(4003)]
    public async Task Close_codes_that_mean_stop(int code)
    {
        await using var server = await ScriptedServer.Start();
        await using var client = Clients.Make(server.Address);
        var statuses = client.Statuses();
        var joining = client.JoinAsync("lobby");
        var connection = await server.AcceptMember();
        var room = await joining.Soon();
        var publish = room.PublishAsync("never answered");
        var reading = room.MessagesAsync().ToList();
        await connection.Receive("message");
        await connection.Close(code, code == 4001 ? "from elsewhere" : "");
        await Clients.Fails(RealtimeErrorCodes.Offline, publish);
        await Clients.Fails(RealtimeErrorCodes.Offline, reading);
        var status = await statuses.Next(status => status.State == RealtimeState.Closed);
        Assert.Equal((code, null), (status.Code, status.RetryAt));
        Assert.True(code == 4001 ? status.Reason == "from elsewhere" : status.Reason.Length > 10, status.Reason);
        await Clients.Fails(RealtimeErrorCodes.Offline, room.PublishAsync("x"));
        await Clients.Fails(RealtimeErrorCodes.Offline, client.JoinAsync("other"));
        // It is the application's to come back, and the room is resumed then.
        var again = client.ConnectAsync();
        var next = await server.AcceptMember(sequence: 1, more: ",\"recovered\":true");
        await again.Soon();
        await next.SendMessage(1, "1");
        Assert.Equal("1", (await room.MessagesAsync().Take(1))[0].Content);
    }

    [Theory]
    [InlineData(1001, "", 0, 100)]
    [InlineData(1001, "server shuts down; retry after 734 ms", 734, 834)]
    [InlineData(1001, "retry after 99999999999 ms", 1_200_000, 1_200_100)]
    [InlineData(1001, "retry after 734 ms or so", 0, 100)]
    [InlineData(1001, "retry after -5 ms", 0, 100)]
    [InlineData(4004, "retry after 60000 ms", 0, 100)]
    [InlineData(1006, "", 0, 100)]
    [InlineData(1011, "", 1_000, 1_100)]
    [InlineData(1013, "", 1_000, 1_100)]
    [InlineData(4006, "", 1_000, 1_100)]
    [InlineData(4000, "reconnect and resume", 0, 100)]
    [InlineData(4999, "", 0, 100)]
    public async Task Close_codes_that_mean_come_back(int code, string reason, int least, int most)
    {
        await using var server = await ScriptedServer.Start();
        var clock = new ManualTimeProvider();
        await using var client = Clients.Make(server.Address, options => options.RetryBase = TimeSpan.FromMilliseconds(100), clock);
        var statuses = client.Statuses();
        var joining = client.JoinAsync("lobby");
        var connection = await server.AcceptMember();
        await joining.Soon();
        if (code == 1006)
            connection.Cut();
        else
            await connection.Close(code, reason);
        var lost = await statuses.Next(status => status.State == RealtimeState.Reconnecting);
        Assert.Equal((code, 1), (lost.Code, lost.Attempt));
        var wait = (lost.RetryAt!.Value - clock.GetUtcNow()).TotalMilliseconds;
        Assert.InRange(wait, least, most);
        clock.Advance(TimeSpan.FromMilliseconds(wait + 1));
        await server.AcceptMember(more: ",\"recovered\":true");
        await statuses.Next(status => status.State == RealtimeState.Connected);
    }

    [Fact]
    public async Task The_wait_before_an_attempt_is_random_below_a_bound_that_doubles_up_to_a_limit()
    {
        var clock = new ManualTimeProvider();
        await using var client = Clients.Make(new("ws://127.0.0.1:1/ws"), options => (options.RetryBase, options.RetryMax) = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4)), clock);
        var statuses = client.Statuses();
        var connecting = client.ConnectAsync();
        var waits = new List<double>();
        for (var attempt = 0; attempt < 40; attempt++)
        {
            var status = await statuses.Next(status => status.RetryAt is not null);
            Assert.Equal(attempt + 1, status.Attempt);
            var wait = (status.RetryAt!.Value - clock.GetUtcNow()).TotalSeconds;
            Assert.InRange(wait, 0, Math.Min(4, Math.Pow(2, attempt)));
            waits.Add(wait);
            if (attempt % 2 == 0)
                clock.Advance(TimeSpan.FromSeconds(wait) + TimeSpan.FromMilliseconds(1));
            else
                client.RetryNow();
        }
        // That no quarter stays empty in 38 tries fails once in 10,000 runs and more.
        Assert.All(Enumerable.Range(0, 4), quarter => Assert.Contains(waits.Skip(2), wait => wait >= quarter && wait <= quarter + 1));
        await client.DisposeAsync().AsTask().Soon();
        await Clients.Fails(RealtimeErrorCodes.Offline, connecting);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.ConnectAsync());
    }

    [Theory]
    [InlineData(404, true)]
    [InlineData(400, true)]
    [InlineData(200, true)]
    [InlineData(302, true)]
    [InlineData(401, true)]
    [InlineData(403, true)]
    [InlineData(429, false)]
    [InlineData(500, false)]
    [InlineData(503, false)]
    public async Task A_refused_handshake_is_told_and_tried_again_only_where_that_may_help(int code, bool isFinal)
    {
        await using var server = await ScriptedServer.Start();
        server.Refuses = context =>
        {
            context.Response.StatusCode = code;
            context.Response.Headers.RetryAfter = "7";
            return true;
        };
        await using var client = Clients.Make(server.Address);
        var statuses = client.Statuses();
        var joining = client.JoinAsync("lobby");
        if (isFinal)
            await Clients.Fails(RealtimeErrorCodes.Offline, joining);
        var status = await statuses.Next(status => status.Code != 0);
        Assert.Equal((isFinal ? RealtimeState.Closed : RealtimeState.Reconnecting, code), (status.State, status.Code));
        Assert.Contains($"{code}", status.Reason, StringComparison.Ordinal);
        if (code is 429 or 503)
            Assert.InRange((status.RetryAt!.Value - DateTimeOffset.UtcNow).TotalSeconds, 5, 7.2);
    }

    [Fact]
    public async Task A_server_that_was_right_once_is_tried_again_when_it_is_not()
    {
        await using var server = await ScriptedServer.Start();
        await using var client = Clients.Make(server.Address);
        var statuses = client.Statuses();
        var connecting = client.ConnectAsync();
        var connection = await server.Accept();
        await connecting.Soon();
        server.Refuses = context => (context.Response.StatusCode = 404) == 404;
        connection.Cut();
        await statuses.Next(status => status is { Code: 404, State: RealtimeState.Reconnecting });
        server.Refuses = null;
        await server.Accept();
        await statuses.Next(status => status.State == RealtimeState.Connected);
    }

    [Fact]
    public async Task A_server_that_speaks_something_else_is_told_apart()
    {
        await using var server = await ScriptedServer.Start();
        foreach (var other in new string?[] { null, "realtime.json.v9" })
        {
            server.Subprotocol = other;
            await using var client = Clients.Make(server.Address);
            var error = await Assert.ThrowsAsync<RealtimeException>(() => client.ConnectAsync().Soon());
            Assert.Contains("does not speak realtime.json.v1", error.Message, StringComparison.Ordinal);
        }

        // No HTTP at all: it may be anything, a proxy that starts among them.
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var lost = Clients.Make(new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/ws"));
        var statuses = lost.Statuses();
        var connecting = lost.ConnectAsync();
        using (var socket = await listener.AcceptSocketAsync(TestContext.Current.CancellationToken))
            await socket.SendAsync(Encoding.ASCII.GetBytes("220 mail.example.org\r\n"));
        Assert.Equal(0, (await statuses.Next(status => status.State == RealtimeState.Reconnecting)).Code);
    }

    [Fact]
    public async Task An_answer_that_never_comes_is_given_up_and_silence_is_noticed()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using (var late = Clients.Make(new($"ws://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/ws"), options => options.OpenTimeout = TimeSpan.FromMilliseconds(50)))
        {
            var changes = late.Statuses();
            var connecting = late.ConnectAsync();
            Assert.Equal("The server did not answer in time.", (await changes.Next(status => status.State == RealtimeState.Reconnecting)).Reason);
        }

        await using var server = await ScriptedServer.Start();
        var clock = new ManualTimeProvider();
        // An hour, so that it is not over while a ping of after 25 seconds is on its way.
        await using var client = Clients.Make(server.Address, options => options.PongTimeout = TimeSpan.FromHours(1), clock);
        var statuses = client.Statuses();
        var connected = client.ConnectAsync();
        var connection = await server.Accept();
        await connected.Soon();
        await Moving(clock, 5, connection.Receive("ping"));
        await connection.Send("""{"type":"pong","timestamp":1}""");
        await client.PingAsync().WaitAsync(TimeSpan.Zero).ContinueWith(_ => { }, TaskScheduler.Default);
        await connection.Receive("ping"); // of the application: the pong has come
        await Moving(clock, 600, connection.Receive("ping")); // the hour is over, and it was an answer
        Assert.Equal("The server fell silent.", (await Moving(clock, 600, statuses.Next(status => status.State == RealtimeState.Reconnecting))).Reason);
    }

    [Fact]
    public async Task A_frame_that_is_too_long_ends_the_connection_and_no_more()
    {
        await using var server = await ScriptedServer.Start();
        await using var client = Clients.Make(server.Address, options => options.MaxReceiveBytes = 20_000);
        var statuses = client.Statuses();
        var joining = client.JoinAsync("lobby");
        var connection = await server.AcceptMember();
        var room = await joining.Soon();
        var under = room.PublishAsync("under way");
        await connection.Receive("message");
        await connection.SendMessage(1, new string('x', 19_000));
        await connection.SendMessage(2, new string('x', 20_000));
        var lost = await statuses.Next(status => status.State == RealtimeState.Reconnecting);
        Assert.Equal(1009, lost.Code);
        var next = await server.AcceptMember(sequence: 2, more: ",\"recovered\":true");
        await next.Acknowledge(2); // it was the server's that was too long, and not what was under way
        Assert.Equal(2, (await under.Soon()).Sequence);
        await next.SendMessage(2, "2");
        Assert.Equal([19_000, 1], (await room.MessagesAsync().Take(2)).Select(message => message.Content!.Length));
        // What the server takes for too long is the largest that is under way.
        var (small, large) = (room.PublishAsync("small"), room.PublishAsync(new string('x', 1_000)));
        await next.Receive("message");
        await next.Receive("message");
        await next.Close(1009);
        await Clients.Fails(RealtimeErrorCodes.TooBig, large);
        var last = await server.AcceptMember(sequence: 2, more: ",\"recovered\":true");
        await last.Acknowledge(3);
        Assert.Equal(3, (await small.Soon()).Sequence);
    }

    [Fact]
    public async Task A_handler_that_throws_or_closes_the_client_harms_nothing()
    {
        foreach (var when in new[] { RealtimeState.Connecting, RealtimeState.Connected, RealtimeState.Reconnecting, RealtimeState.Closed })
        {
            await using var server = await ScriptedServer.Start();
            await using var client = Clients.Make(server.Address);
            var closed = new TaskCompletionSource();
            client.StatusChanged += (sender, status) =>
            {
                if (status.State == when)
                    _ = ((RealtimeClient)sender!).CloseAsync().ContinueWith(_ => closed.TrySetResult(), TaskScheduler.Default);
                throw new FormatException("a handler's own fault");
            };
            var connecting = client.ConnectAsync();
            if (when is RealtimeState.Reconnecting)
                (await server.Accept()).Cut();
            else if (when is RealtimeState.Closed)
                await (await server.Accept()).Close(4002);
            await closed.Task.Soon();
            await connecting.ContinueWith(_ => { }, TaskScheduler.Default).Soon();
            Assert.Equal(RealtimeState.Closed, client.Status.State);
        }
    }

    /// <summary>Moves the clock by so much again and again until it has come.</summary>
    private static async Task<T> Moving<T>(ManualTimeProvider clock, int seconds, Task<T> comes)
    {
        while (!comes.IsCompleted)
        {
            clock.Advance(seconds);
            await Task.Delay(5);
        }
        return await comes;
    }
}
