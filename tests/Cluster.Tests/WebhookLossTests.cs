using System.Text.Json.Nodes;

namespace Realtime.Cluster.Tests;

/// <summary>What a receiver of webhooks knows of who is in a room after the loss of a silo: what it was told, by the rules of docs/hooks.md.</summary>
public sealed class WebhookLossTests(PostgresFixture postgres)
{
    private const int Rooms = 16;

    [Fact]
    public async Task After_a_silo_was_killed_a_receiver_is_told_anew_who_is_in_its_rooms()
    {
        await using var receiver = await TestReceiver.Start();
        await using var cluster = await Clusters.Start(await postgres.CreateDatabase(), arguments: receiver.Arguments());
        await using var alice = await Client.Connect(cluster.Fronts[0], "alice");
        await using var bob = await Client.Connect(cluster.Fronts[1], "bob");
        await using var carl = await Client.Connect(cluster.Fronts[0], "carl");
        for (var i = 0; i < Rooms; i++)
        {
            await alice.Join($"shared{i}");
            await bob.Join($"shared{i}");
            await carl.Join($"shared{i}");
            await carl.Join($"alone{i}");
        }
        for (var i = 0; i < Rooms; i++)
        {
            await receiver.Until($"shared{i}", events => Who(events) is "alice bob carl");
            await receiver.Until($"alone{i}", events => Who(events) is "carl");
        }

        await cluster.Silos[0].Kill();
        await carl.DisposeAsync(); // leaves rooms that are nowhere

        var resets = 0;
        for (var i = 0; i < Rooms; i++)
        {
            var shared = await receiver.Until($"shared{i}", events => Who(events) is "alice bob");
            var alone = await receiver.Until($"alone{i}", events => Who(events) is "");
            resets += IsReset(shared) + IsReset(alone);
            // It goes on with what happens.
            await alice.Publish($"shared{i}", "on");
            await receiver.Until($"shared{i}", events => (string?)events[^1]["content"] == "on" && Who(events) is "alice bob");
            Assert.Single(shared.Concat(alone).Select(item => (string?)item["epoch"] + item["room"]).Distinct().GroupBy(key => key!.Contains("shared", StringComparison.Ordinal)).Select(group => group.Count()).Distinct());
        }
        Assert.InRange(resets, 1, 2 * Rooms - 1); // those of the other silo have lost nothing
        Assert.Empty(receiver.Faults);

        static int IsReset(JsonObject[] events) => events.Any(item => (string?)item["type"] == "reset") ? 1 : 0;
    }

    [Fact]
    public async Task After_a_single_process_was_killed_a_room_tells_at_its_next_use_that_nobody_is_in_it()
    {
        var folder = Directory.CreateTempSubdirectory("realtime-log-");
        await using var receiver = await TestReceiver.Start();
        try
        {
            string[] settings =
            [
                "--Log:Provider=sqlite", $"--Log:ConnectionString=Data Source={Path.Combine(folder.FullName, "log.db")}",
                .. receiver.Arguments(), "--Webhooks:Receivers:0:Events:0=join", "--Webhooks:Receivers:0:Events:1=leave", "--Webhooks:Receivers:0:Events:2=occupied",
            ];
            await using (var process = Clusters.StartOne("single", null, settings))
            {
                await process.WaitUntilReady();
                await using var alice = await Client.Connect(process, "alice");
                await alice.Join("lobby");
                await receiver.Until("lobby", events => Who(events) is "alice");
                await process.Kill();
            }
            await using var next = Clusters.StartOne("single", null, settings);
            await next.WaitUntilReady();
            await using var bob = await Client.Connect(next, "bob");
            await bob.Join("lobby");
            var told = await receiver.Until("lobby", events => Who(events) is "bob");
            Assert.Equal(["occupied", "join alice", "reset", "occupied", "join bob"], told.Select(item => $"{item["type"]} {item["user"]}".TrimEnd()));
            Assert.Empty(receiver.Faults);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Who(JsonObject[] events)
    {
        var users = new SortedSet<string>(StringComparer.Ordinal);
        string? epoch = null;
        foreach (var item in events)
        {
            if ((string?)item["epoch"] != epoch || (string?)item["type"] is "reset")
                users.Clear();
            epoch = (string?)item["epoch"];
            if ((string?)item["type"] is "join")
                users.Add((string)item["user"]!);
            if ((string?)item["type"] is "leave")
                users.Remove((string)item["user"]!);
        }
        return string.Join(' ', users);
    }
}
