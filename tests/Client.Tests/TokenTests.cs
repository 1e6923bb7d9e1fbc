using System.Buffers.Text;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;

namespace Realtime.Client.Tests;

/// <summary>Where tokens come from, when they are renewed, and what goes wrong with them.</summary>
public sealed class TokenTests
{
    /// <summary>Of the silence: the clock here moves faster than a network.</summary>
    private static readonly TimeSpan s_never = TimeSpan.FromMilliseconds(int.MaxValue);

    private static string Token(DateTimeOffset issued, double seconds, string name = "t") =>
        $"{Part("{}")}.{Part($$"""{"iat":{{issued.ToUnixTimeSeconds()}},"sub":"alice","more":{"exp":1},"exp":{{issued.ToUnixTimeSeconds() + seconds}}}""")}.{name}";

    private static string Part(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));

    [Fact]
    public async Task A_provider_is_asked_at_each_attempt_and_what_it_does_wrong_is_told()
    {
        await using var server = await ScriptedServer.Start();
        var answers = new Queue<Func<CancellationToken, ValueTask<string?>>>(
        [
            _ => throw new FormatException("the identity server is away"),
            _ => ValueTask.FromResult<string?>("with a\nline"),
            async ending =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, ending);
                return "";
            },
            _ =>
            {
                Thread.Sleep(100); // it blocks, and hangs
                return new(new TaskCompletionSource<string?>().Task);
            },
            _ => ValueTask.FromResult<string?>("good"),
            _ => ValueTask.FromResult<string?>(null),
        ]);
        await using var client = Clients.Make(server.Address, options => (options.OpenTimeout, options.TokenProvider) = (TimeSpan.FromMilliseconds(400), ending => answers.Dequeue()(ending)));
        var statuses = client.Statuses();
        var connecting = client.ConnectAsync();
        var reasons = new List<string>();
        for (var i = 0; i < 4; i++)
            reasons.Add((await statuses.Next(status => status.RetryAt is not null)).Reason);
        Assert.Equal("There is no token: the identity server is away", reasons[0]);
        Assert.StartsWith("There is no token: the token provider gave one that has characters", reasons[1]);
        Assert.Equal(["The token did not come in time.", "The token did not come in time."], reasons[2..]);
        var connection = await server.Accept();
        await connecting.Soon();
        Assert.Equal(("Bearer good", ""), (connection.Authorization, connection.Query));
        await connection.Close(4003, "expired");
        var closed = await statuses.Next(status => status.State == RealtimeState.Closed);
        Assert.Equal("There is no token: the token provider gave none.", closed.Reason);
        Assert.Equal(5, server.Attempts + 4);
    }

    [Fact]
    public async Task A_token_is_renewed_when_four_fifths_of_its_life_are_over()
    {
        await using var server = await ScriptedServer.Start();
        var clock = new ManualTimeProvider();
        var start = clock.GetUtcNow();
        var asked = Channel.CreateUnbounded<DateTimeOffset>();
        var tokens = new Queue<string?>([Token(start, 1000, "first"), null!, Token(start, 5000, "second"), Token(start, 9000, "third"), null]);
        var fails = true;
        await using var client = Clients.Make(server.Address, options => (options.PingAfter, options.TokenProvider) = (s_never, _ =>
        {
            asked.Writer.TryWrite(clock.GetUtcNow());
            var token = tokens.Dequeue();
            if (token is null && fails)
                throw new FormatException("away");
            return ValueTask.FromResult(token);
        }
        ), clock);
        var statuses = client.Statuses();
        var connecting = client.ConnectAsync();
        var connection = await server.Accept();
        await connecting.Soon();
        await asked.Reader.ReadAsync();

        async Task<double> NextAsked()
        {
            while (!asked.Reader.TryPeek(out _))
            {
                clock.Advance(TimeSpan.FromSeconds(15));
                await Task.Delay(1);
            }
            return ((await asked.Reader.ReadAsync()) - start).TotalSeconds;
        }
        var frames = Channel.CreateUnbounded<System.Text.Json.Nodes.JsonObject>();
        _ = Task.Run(async () =>
        {
            while (await connection.TryReceive() is { } frame)
                frames.Writer.TryWrite(frame);
        });
        Assert.InRange(await NextAsked(), 745, 820);
        // It failed, and is asked again in half of the time that is left.
        Assert.InRange(await NextAsked(), 870, 935);
        var refresh = await frames.Reader.Next();
        Assert.Equal(("refresh", Token(start, 5000, "second")), ((string?)refresh["type"], (string?)refresh["token"]));
        await connection.Send($$"""{"type":"refreshed","id":"{{refresh["id"]}}","expires":1}""");
        await Task.Delay(20);
        Assert.InRange(await NextAsked(), 3700, 4150);
        refresh = await frames.Reader.Next();
        fails = false;
        // Refused as another user's: it is used for a new connection.
        await connection.Send($$"""{"type":"error","id":"{{refresh["id"]}}","code":"token_invalid","content":"The token is of another user."}""");
        var lost = await statuses.Next(status => status.State == RealtimeState.Reconnecting);
        Assert.Equal("The server refused the new token: The token is of another user.", lost.Reason);
        client.RetryNow();
        Assert.Equal("There is no token: the token provider gave none.", (await statuses.Next(status => status.State == RealtimeState.Closed)).Reason);
    }

    [Fact]
    public async Task A_clock_that_jumps_asks_early_or_late_and_never_in_a_storm()
    {
        await using var server = await ScriptedServer.Start();
        // This machine is a year behind, or ahead: by its clock the token is of the future, or long over.
        foreach (var years in new[] { 1, -1 })
        {
            var clock = new ManualTimeProvider();
            var asked = 0;
            var token = Token(clock.GetUtcNow().AddDays(365 * years), 1000);
            await using var client = Clients.Make(server.Address, options => (options.PingAfter, options.TokenProvider) = (s_never, _ =>
            {
                Interlocked.Increment(ref asked);
                return ValueTask.FromResult<string?>(token);
            }
            ), clock);
            var connecting = client.ConnectAsync();
            var connection = await server.Accept();
            await connecting.Soon();
            for (var i = 0; i < 100; i++)
            {
                clock.Advance(TimeSpan.FromSeconds(5));
                await Task.Yield();
            }
            Assert.Equal(1, asked); // 500 s of 1,000 are over
            clock.SetUtcNow(clock.GetUtcNow().AddDays(3)); // the machine slept, and its steady clock with it went on
            await client.DisposeAsync().AsTask().Soon();
            Assert.InRange(asked, 1, 10);
        }
    }

    [Fact]
    public async Task A_token_that_does_not_change_and_is_refused_means_stop_and_another_one_may_help()
    {
        await using var server = await ScriptedServer.Start();
        server.Refuses = context =>
        {
            context.Response.StatusCode = 401;
            return context.Request.Headers.Authorization != "Bearer good";
        };
        await using var bad = Clients.Make(server.Address, options => options.Token = "bad");
        Assert.Contains("401", (await Assert.ThrowsAsync<RealtimeException>(() => bad.ConnectAsync().Soon())).Message, StringComparison.Ordinal);
        var tokens = new Queue<string>(["bad", "good"]);
        await using var good = Clients.Make(server.Address, options => options.TokenProvider = _ => ValueTask.FromResult<string?>(tokens.Dequeue()));
        await good.ConnectAsync().Soon();
    }
}
