using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Calls;

namespace Realtime.WebFront.Tests.Calls;

/// <summary>Calls of the server to clients.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClientCallTests(Cluster cluster)
{
    private readonly string _bob = $"bob-{Guid.NewGuid():N}";

    private IUserGrain Bob => cluster.Client.GetGrain<IUserGrain>(_bob);

    [Fact]
    public async Task A_connection_answers_with_a_result_or_an_error()
    {
        await using var front = await cluster.StartFront(null, ("Calls:MaxWaiting", "2"));
        await using var bob = await front.Connect(_bob);
        var connection = Assert.Single(front.Services.GetRequiredService<ConnectionRegistry>().GetUser(_bob));
        var (listener, calls) = CallFront.Count(front);
        using var counting = listener;

        var asked = connection.CallAsync("confirm", """ {"order":7} """);
        var call = await bob.Receive("call");
        Assert.Equal("""confirm {"order":7}""", $"{call["method"]} {call["data"]!.ToJsonString()}");
        await bob.Answer(call, """{"yes":true}""");
        Assert.Equal("""{"yes":true}""", await asked);

        asked = connection.CallAsync("confirm");
        call = await bob.Receive("call");
        Assert.False(call.ContainsKey("data"));
        await bob.Answer(call, null);
        Assert.Null(await asked);
        await bob.Answer(call, "1"); // twice: nobody waits any more

        asked = connection.CallAsync("confirm");
        await bob.Fail(await bob.Receive("call"), "busy", "not now");
        var refused = await Assert.ThrowsAsync<CallException>(() => asked);
        Assert.Equal("busy not now", $"{refused.Code} {refused.Message}");

        asked = connection.CallAsync("confirm");
        await bob.Answer(await bob.Receive("call"), $"\"{new string('x', 70_000)}\"");
        Assert.Equal("call_failed", (await Assert.ThrowsAsync<CallException>(() => asked)).Code);
        Assert.Equal("content_too_long", (string?)(await bob.Receive("error"))["code"]);

        asked = connection.CallAsync("confirm", timeout: TimeSpan.FromMilliseconds(100));
        call = await bob.Receive("call");
        Assert.Equal("call_timeout", (await Assert.ThrowsAsync<CallException>(() => asked)).Code);
        await bob.Answer(call, "1"); // late
        Assert.Empty(await bob.Drain());

        using var over = new CancellationTokenSource();
        asked = connection.CallAsync("confirm", cancellationToken: over.Token);
        var other = connection.CallAsync("confirm");
        Assert.Equal("too_many_calls", (await Assert.ThrowsAsync<CallException>(() => connection.CallAsync("confirm"))).Code);
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        await bob.DisposeAsync(); // without a word
        Assert.Equal("connection_not_found", (await Assert.ThrowsAsync<CallException>(() => other.WaitAsync(TestClient.Bound))).Code);
        Assert.Equal("connection_not_found", (await Assert.ThrowsAsync<CallException>(() => connection.CallAsync("confirm"))).Code);

        lock (calls)
            Assert.Equal("2 3 1 3 2", $"{calls["to_client ok"]} {calls["to_client refused"]} {calls["to_client timeout"]} {calls["to_client cancelled"]} {calls["to_client unclaimed"]}");
    }

    [Fact]
    public async Task What_cannot_be_asked_is_refused_at_once()
    {
        await using var front = await cluster.StartFront();
        await using var bob = await front.Connect(_bob);
        var connection = Assert.Single(front.Services.GetRequiredService<ConnectionRegistry>().GetUser(_bob));
        foreach (var call in new Func<string, string?, TimeSpan?, Task<string?>>[] { (method, data, timeout) => connection.CallAsync(method, data, timeout), Bob.Call })
        {
            Assert.Equal("name_invalid", (await Assert.ThrowsAsync<RequestException>(() => call("", null, null))).Code);
            Assert.Equal("bad_request", (await Assert.ThrowsAsync<RequestException>(() => call("x", "{", null))).Code);
            Assert.Equal("bad_request", (await Assert.ThrowsAsync<RequestException>(() => call("x", "", null))).Code);
            Assert.Equal("content_too_long", (await Assert.ThrowsAsync<RequestException>(() => call("x", $"\"{new string('x', 65_536)}\"", null))).Code);
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => call("x", null, TimeSpan.FromMilliseconds(99)));
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => call("x", null, TimeSpan.FromMinutes(3)));
        }
        Assert.Empty(await bob.Drain());
    }

    [Fact]
    public async Task Of_a_users_devices_the_first_result_counts()
    {
        await using var front = await cluster.StartFront();
        await using var second = await cluster.StartFront();
        await using var phone = await front.Connect(_bob);
        await using var tablet = await front.Connect(_bob);
        await using var laptop = await second.Connect(_bob);
        TestClient[] devices = [phone, tablet, laptop];

        // Errors of the others do not matter.
        var asked = Bob.Call("confirm", "1");
        var calls = await Receive();
        await phone.Fail(calls[0], "busy");
        await tablet.Fail(calls[1], "unknown_method");
        await laptop.Answer(calls[2], "\"yes\"");
        Assert.Equal("\"yes\"", await asked);

        // A device that does not answer keeps no other from it, also of another call.
        var hanging = Bob.Call("hangs", null, TimeSpan.FromSeconds(20));
        var hung = await Receive();
        asked = Bob.Call("confirm");
        calls = await Receive();
        await tablet.Answer(calls[1], "2");
        Assert.Equal("2", await asked);
        await laptop.Answer(hung[2], "3");
        Assert.Equal("3", await hanging);

        // Without a result it is the error that says most.
        asked = Bob.Call("confirm");
        calls = await Receive();
        await phone.Fail(calls[0], "unknown_method");
        await laptop.Fail(calls[2], "unknown_method");
        await tablet.Fail(calls[1], "busy", "not now");
        var refused = await Assert.ThrowsAsync<CallException>(() => asked);
        Assert.Equal("busy not now", $"{refused.Code} {refused.Message}");

        asked = Bob.Call("confirm", timeout: TimeSpan.FromMilliseconds(200));
        calls = await Receive();
        await phone.Fail(calls[0], "unknown_method");
        Assert.Equal("call_timeout", (await Assert.ThrowsAsync<CallException>(() => asked)).Code);

        async Task<JsonObject[]> Receive() => [.. await Task.WhenAll(devices.Select(device => device.Receive("call")))];
    }

    [Fact]
    public async Task A_user_who_is_away_or_goes_away_is_not_found()
    {
        Assert.Equal("user_not_found", (await Assert.ThrowsAsync<CallException>(() => Bob.Call("confirm"))).Code);
        await using var front = await cluster.StartFront();
        await using var bob = await front.Connect(_bob);
        var asked = Bob.Call("confirm");
        await bob.Receive("call");
        await bob.Close();
        Assert.Equal("user_not_found", (await Assert.ThrowsAsync<CallException>(() => asked)).Code);
    }

    [Fact]
    public async Task A_method_may_call_its_caller()
    {
        await using var front = await CallFront.Start(cluster, app =>
            app.MapRealtimeCall("order", async (RealtimeCall call, CancellationToken over) => new { sure = await call.Connection.CallAsync("sure", cancellationToken: over) }));
        await using var bob = await front.Connect(_bob);
        var result = await bob.Call("order", other: call => _ = bob.Answer(call, "true"));
        Assert.Equal("true", (string?)result["data"]!["sure"]);
    }
}
