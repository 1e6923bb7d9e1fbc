namespace Realtime.SignalR.Tests;

/// <summary>Results of clients, asked for by their own server and by others.</summary>
public sealed class ResultTests(SharedServers servers)
{
    public static TheoryData<bool, bool> Ways => new() { { false, false }, { false, true }, { true, false }, { true, true } };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_client_answers_code_of_any_server(bool isOwn, bool messagePack)
    {
        var server = isOwn ? servers.B : servers.C;
        await using var client = await servers.B.Connect(messagePack: messagePack);
        client.Connection.On("add", (int a, int b) => a + b);
        client.Connection.On("refuse", string () => throw new InvalidOperationException("not today"));
        client.Connection.On("word", () => "seven");

        Assert.Equal(5, await server.Clients.Client(client.Id).InvokeAsync<int>("add", 2, 3, CancellationToken.None).WaitAsync(Wait.Bound));
        var refused = await Assert.ThrowsAsync<HubException>(() => server.Clients.Client(client.Id).InvokeAsync<string>("refuse", CancellationToken.None).WaitAsync(Wait.Bound));
        Assert.Contains("not today", refused.Message, StringComparison.Ordinal);
        var wrong = await Assert.ThrowsAnyAsync<Exception>(() => server.Clients.Client(client.Id).InvokeAsync<int>("word", CancellationToken.None).WaitAsync(Wait.Bound));
        Assert.IsNotType<TimeoutException>(wrong);
        Assert.All(servers.All, each => Assert.Equal(0, each.Backplane.Results.Count));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_waits_for_a_client_that_goes_is_told(bool isOwn)
    {
        await using var client = await servers.B.Connect();
        var asked = new TaskCompletionSource();
        var never = new TaskCompletionSource<int>();
        client.Connection.On("wait", () =>
        {
            asked.SetResult();
            return never.Task;
        });
        var id = client.Id;
        var waiting = (isOwn ? servers.B : servers.A).Clients.Client(id).InvokeAsync<int>("wait", CancellationToken.None);
        await asked.Task.WaitAsync(Wait.Bound);
        await client.Connection.StopAsync();
        var gone = await Assert.ThrowsAsync<IOException>(() => waiting.WaitAsync(Wait.Bound));
        Assert.Equal($"Connection '{id}' disconnected.", gone.Message);
        Assert.All(servers.All, each => Assert.Equal(0, each.Backplane.Results.Count));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_wait_can_be_cancelled(bool isOwn)
    {
        await using var client = await servers.B.Connect();
        var asked = new TaskCompletionSource();
        var never = new TaskCompletionSource<int>();
        client.Connection.On("wait", () =>
        {
            asked.SetResult();
            return never.Task;
        });
        using var cancellation = new CancellationTokenSource();
        var waiting = (isOwn ? servers.B : servers.C).Clients.Client(client.Id).InvokeAsync<int>("wait", cancellation.Token);
        await asked.Task.WaitAsync(Wait.Bound);
        await cancellation.CancelAsync();
        await Assert.ThrowsAsync<HubException>(() => waiting.WaitAsync(Wait.Bound));
        never.SetResult(1); // too late, which harms nobody
        await servers.A.Clients.Client(client.Id).SendAsync("say", "still here");
        Assert.Equal("still here", await client.Next());
    }

    [Fact]
    public async Task A_connection_that_no_server_has_cannot_answer()
    {
        await using var other = await servers.B.Connect();
        var exception = await Assert.ThrowsAsync<IOException>(() => servers.A.Clients.Client("nobody").InvokeAsync<int>("add", CancellationToken.None).WaitAsync(Wait.Bound));
        Assert.Equal("Connection 'nobody' does not exist.", exception.Message);
    }

    [Fact]
    public async Task An_answer_counts_only_from_the_client_that_was_asked()
    {
        await using var client = await servers.B.Connect();
        await using var other = await servers.B.Connect();
        var answer = new TaskCompletionSource<int>();
        var asked = new TaskCompletionSource();
        client.Connection.On("wait", () =>
        {
            asked.SetResult();
            return answer.Task;
        });
        var waiting = servers.A.Clients.Client(client.Id).InvokeAsync<int>("wait", CancellationToken.None);
        await asked.Task.WaitAsync(Wait.Bound);
        var id = Assert.Single(servers.A.Backplane.Results.Ids);
        Assert.Throws<InvalidOperationException>(() => servers.B.Backplane.Results.Complete(other.Id, Microsoft.AspNetCore.SignalR.Protocol.CompletionMessage.WithResult(id, 9)));
        answer.SetResult(4);
        Assert.Equal(4, await waiting.WaitAsync(Wait.Bound));
    }
}
