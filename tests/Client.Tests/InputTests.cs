namespace Realtime.Client.Tests;

/// <summary>What a program can get wrong is told before anything is sent.</summary>
public sealed class InputTests
{
    private static readonly Uri s_address = new("ws://127.0.0.1:1/ws");

    public static TheoryData<string, Action<RealtimeClientOptions>> WrongOptions => new()
    {
        { "Address is missing", options => options.Address = null },
        { "must be a ws, wss, http or https address", options => options.Address = new("ftp://example.org/ws") },
        { "must be a ws, wss, http or https address", options => options.Address = new("/ws", UriKind.Relative) },
        { "without a fragment", options => options.Address = new("ws://example.org/ws#x") },
        { "user name is empty", options => options.User = "" },
        { "user name begins or ends with white space", options => options.User = " alice" },
        { "user name has the character U+200B", options => options.User = "a\u200bb" },
        { "Token is empty", options => options.Token = "" },
        { "Token has characters that a header cannot have", options => options.Token = "a\r\nb" },
        { "both set", options => (options.Token, options.TokenProvider) = ("a", _ => default) },
        { "RetryBase is 00:00:00", options => options.RetryBase = TimeSpan.Zero },
        { "must not be above RetryMax", options => options.RetryBase = TimeSpan.FromMinutes(1) },
        { "RetryMax is 365.00:00:00", options => options.RetryMax = TimeSpan.FromDays(365) },
        { "PingAfter", options => options.PingAfter = Timeout.InfiniteTimeSpan },
        { "WebSocketAgain is 00:00:00", options => options.WebSocketAgain = TimeSpan.Zero },
        { "OutboxMessages is 0", options => options.OutboxMessages = 0 },
        { "ReceiveBytes is -1", options => options.ReceiveBytes = -1 },
        { "MaxReceiveBytes is 10; it must be 1024 or more", options => options.MaxReceiveBytes = 10 },
        { "MaxRunningCalls", options => options.MaxRunningCalls = 0 },
    };

    [Theory]
    [MemberData(nameof(WrongOptions))]
    public void Options(string words, Action<RealtimeClientOptions> configure)
    {
        var options = new RealtimeClientOptions { Address = s_address };
        configure(options);
        Assert.Contains(words, Assert.ThrowsAny<ArgumentException>(() => new RealtimeClient(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Arguments()
    {
        await using var server = await ScriptedServer.Start();
        await using var client = Clients.Make(server.Address);
        var joining = client.JoinAsync("lobby");
        await server.AcceptMember();
        var room = await joining.Soon();
        foreach (var name in new[] { "", " ", " a", "a\n", ".", "..", new string('x', 129), new string('é', 65), "a\u200bb", "\ufffd", "\ud800", "a\ufe0f" })
        {
            await Assert.ThrowsAsync<ArgumentException>(() => client.JoinAsync(name));
            await Assert.ThrowsAsync<ArgumentException>(() => client.SendToAsync(name, "x"));
            await Assert.ThrowsAsync<ArgumentException>(() => client.CallAsync(name));
            await Assert.ThrowsAsync<ArgumentException>(() => client.HistoryAsync(name));
        }
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.JoinAsync(null!));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.JoinAsync("a", new() { Last = 0 }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.JoinAsync("a", new() { Last = 101 }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.JoinAsync("a", new() { Since = default(Position) }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.JoinAsync("a", new() { Since = new("e", -1) }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.OpenInboxAsync(new Position("", 1)));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.PublishAsync(null!));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.PublishAsync("half a \ud83d pair"));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.PublishAsync(default(JsonData)));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.PublishAsync("x", new() { Id = "" }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.PublishAsync("x", new() { Id = new string('x', 129) }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.PublishAsync("x", new() { Timeout = TimeSpan.Zero }));
        var one = JsonData.Parse("1");
        foreach (var key in new[] { null!, "", new string('x', 129), "half a \ud83d pair" })
        {
            await Assert.ThrowsAnyAsync<ArgumentException>(() => room.SetAsync(key, one));
            await Assert.ThrowsAnyAsync<ArgumentException>(() => room.RemoveAsync(key));
        }
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.SetAsync("k", default(JsonData)));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.SetAsync("k", one, new() { TimeToLive = TimeSpan.FromMilliseconds(99.9) }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.SetAsync("k", one, new() { TimeToLive = TimeSpan.FromDays(365.01) }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.SetAsync("k", one, new() { Id = "" }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.RemoveAsync("k", new() { IfVersion = -1 }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.RemoveAsync("k", new() { Timeout = TimeSpan.Zero }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.RemoveAsync("k", new SetOptions { TimeToLive = TimeSpan.FromHours(1) }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.MembersAsync(limit: 1001));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.HistoryAsync(before: 0));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => room.HistoryAsync(limit: 101));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.CallAsync("m", timeout: TimeSpan.FromDays(50)));
        foreach (var json in new[] { "", "{", "1 2", "{'a':1}", "nul", $"{new string('[', 33)}{new string(']', 33)}" })
            Assert.ThrowsAny<ArgumentException>(() => JsonData.Parse(json));
        Assert.Equal(RealtimeState.Connected, client.Status.State);
    }
}
