using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Mvc;
using Realtime.WebFront.Calls;
using Realtime.WebFront.Tests.Access;
using Realtime.WebFront.Tests.Limiting;

namespace Realtime.WebFront.Tests.Calls;

/// <summary>Calls of clients that take long: beside what, how many, and how they end.</summary>
[Collection(ClusterCollection.Name)]
public sealed class RunningCallTests(Cluster cluster)
{
    [Fact]
    public async Task Methods_that_block_hold_up_neither_each_other_nor_what_else_the_connection_does()
    {
        using var release = new ManualResetEventSlim();
        await using var front = await CallFront.Start(cluster, app =>
        {
            app.MapRealtimeCall("blocks", ([FromBody] int number) =>
            {
                Assert.True(release.Wait(TestClient.Bound));
                return number;
            });
            app.MapRealtimeCall("quick", () => "done");
        }, ("Front:MaxCommandsInFlight", "1"), ("Calls:MaxInFlight", "3"));
        await using var alice = await front.Connect("alice");
        var room = $"calls {Guid.NewGuid():N}";
        for (var i = 1; i <= 2; i++)
            await alice.Send(new JsonObject { ["type"] = "call", ["id"] = $"b{i}", ["method"] = "blocks", ["data"] = i }.ToJsonString());
        Assert.Equal("joined", await alice.Try(new() { ["type"] = "join", ["room"] = room, ["echo"] = false })); // else the message came before the ack or after it
        Assert.Equal("ack", await alice.TryPublish(room));
        Assert.Equal("\"done\"", await alice.Result("quick"));
        await alice.Send("""{"type":"call","id":"b3","method":"blocks","data":3}""");
        Assert.Equal("too_many_calls", await alice.Code("quick"));
        release.Set();
        var results = new HashSet<string>();
        for (var i = 0; i < 3; i++)
        {
            var result = await alice.Receive("result");
            results.Add($"{result["id"]}={result["data"]}");
        }
        Assert.Equal(["b1=1", "b2=2", "b3=3"], results.Order());
        Assert.Equal("\"done\"", await alice.Result("quick"));
    }

    [Fact]
    public async Task A_method_that_is_too_slow_is_cancelled_and_counts_until_it_ends()
    {
        using var release = new SemaphoreSlim(0);
        await using var front = await CallFront.Start(cluster, app =>
        {
            app.MapRealtimeCall("stops", async (CancellationToken over) => await Task.Delay(Timeout.Infinite, over));
            app.MapRealtimeCall("throws", async (CancellationToken over) =>
            {
                using var failing = over.Register(() => throw new InvalidOperationException("a callback of the application")); // it would end the process
                await Task.Delay(Timeout.Infinite, over);
            });
            app.MapRealtimeCall("goes.on", async () => Assert.True(await release.WaitAsync(TestClient.Bound)));
        }, ("Calls:Timeout", "00:00:00.2"), ("Calls:MaxInFlight", "1"));
        await using var alice = await front.Connect("alice");
        foreach (var method in new[] { "stops", "throws", "goes.on" })
        {
            // One that stops later than its grace counts for as long.
            var code = "";
            await Asking.Until(async () => (code = await alice.Code(method)) != "too_many_calls");
            Assert.Equal("call_timeout", code);
        }
        Assert.Equal("too_many_calls", await alice.Code("stops"));
        release.Release();
        await Asking.Until(async () => await alice.Code("stops") == "call_timeout");
        Assert.Empty(await alice.Drain()); // what the other gave came too late
    }

    [Fact]
    public async Task A_connection_that_closes_cancels_its_methods()
    {
        var (begun, ended) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var front = await CallFront.Start(cluster, app => app.MapRealtimeCall("waits", async (CancellationToken over) =>
        {
            begun.SetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, over);
            }
            finally
            {
                ended.SetResult();
            }
        }));
        var (listener, calls) = CallFront.Count(front);
        using var counting = listener;
        var alice = await front.Connect("alice");
        await alice.Send("""{"type":"call","id":"1","method":"waits"}""");
        await begun.Task.WaitAsync(TestClient.Bound);
        await alice.DisposeAsync(); // without a word
        await ended.Task.WaitAsync(TestClient.Bound);
        await Asking.Until(() =>
        {
            lock (calls)
                return Task.FromResult(calls.GetValueOrDefault("from_client cancelled") == 1);
        });
    }

    [Fact]
    public async Task Calls_have_a_limit_of_their_own()
    {
        await using var limited = await LimitedFront.Start(cluster, LimitedFront.Rate("Calls", 1, 2));
        await using var alice = await limited.Front.Connect("alice");
        Assert.Equal("unknown_method", await alice.Code("x"));
        Assert.Equal("unknown_method", await alice.Code("x"));
        var error = await alice.Call("x");
        Assert.Equal("rate_limited", (string?)error["code"]);
        Assert.Equal(1000, (int)error["retryAfter"]!);
        Assert.Equal(1, limited.Met("calls"));
    }
}
