using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Npgsql;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.Silo.Hosting;

[assembly: AssemblyFixture(typeof(PostgresFixture))]

namespace Realtime.WebFront.Tests;

/// <summary>What clients see of a log that is kept, on a real PostgreSQL, when silos and the database itself go away.</summary>
[Collection(ClusterCollection.Name)] // one after another: they stop the database
public sealed class KeptLogTests(PostgresFixture postgres) : IAsyncLifetime
{
    private string _database = "";
    private InProcessTestCluster _cluster = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await postgres.CreateDatabase();
        _cluster = await StartCluster();
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
    }

    private async Task<InProcessTestCluster> StartCluster()
    {
        var builder = new InProcessTestClusterBuilder(3);
        builder.ConfigureHost(host => host.Configuration.AddInMemoryCollection(
            [new("Log:Provider", "postgres"), new("Log:ConnectionString", _database)]).AddEnvironmentVariables());
        builder.ConfigureSilo((_, silo) => silo.UseClusterTimings().AddRealtime());
        builder.ConfigureClient(client => client.UseClusterTimings().AddRealtimeClient());
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }

    private static Task<JsonObject> Say(TestClient client, string room, string content, string id, Action<JsonObject>? other = null) =>
        client.Ask(new JsonObject { ["type"] = "message", ["room"] = room, ["content"] = content }, other, id);

    private static async Task<JsonObject> Acked(TestClient client, string room, string content, string id, Action<JsonObject>? other = null)
    {
        var answer = await Say(client, room, content, id, other);
        Assert.True((string?)answer["type"] == "ack", answer.ToJsonString());
        return answer;
    }

    private static Task<JsonObject> Resume(TestClient client, string room, string epoch, long seq) =>
        client.Ask(new JsonObject { ["type"] = "join", ["room"] = room, ["epoch"] = epoch, ["seq"] = seq });

    /// <summary>Users have inboxes with one message, which they got, and go; gives the epochs.</summary>
    private async Task<string[]> OpenInboxes(Front front, int users)
    {
        var epochs = new string[users];
        await using var sender = await front.Connect("sender");
        for (var i = 0; i < users; i++)
        {
            await using var device = await front.Connect($"owner{i}");
            epochs[i] = (string)(await device.Ask(new JsonObject { ["type"] = "inbox" }))["epoch"]!;
            Assert.Equal((1, 1), Kept(await Tell(sender, i, 1), epochs[i]));
            Assert.Equal(1, (int)(await device.Receive("message"))["seq"]!);
            await device.Close();
        }
        using var bound = new CancellationTokenSource(TestClient.Bound);
        for (var i = 0; i < users; i++)
        {
            while ((await _cluster.Client.GetGrain<IUserGrain>($"owner{i}").Describe()).Connections.Length > 0)
                await Task.Delay(10, bound.Token);
        }
        return epochs;
    }

    private static Task<JsonObject> Tell(TestClient client, int owner, int n) =>
        client.Ask(new JsonObject { ["type"] = "message", ["to"] = $"owner{owner}", ["content"] = $"d{n}" }, id: $"direct{n}");

    private static (int Seq, int Connections) Kept(JsonObject ack, string epoch)
    {
        Assert.True((string?)ack["epoch"] == epoch, ack.ToJsonString());
        return ((int)ack["seq"]!, (int)ack["connections"]!);
    }

    /// <summary>The user comes back with position 1, and has what came since.</summary>
    private static async Task ReadInbox(Front front, int owner, string epoch, int last)
    {
        await using var device = await front.Connect($"owner{owner}");
        var opened = await device.Ask(new JsonObject { ["type"] = "inbox", ["epoch"] = epoch, ["seq"] = 1 });
        Assert.Equal((true, last), ((bool)opened["recovered"]!, (int)opened["seq"]!));
        for (var n = 2; n <= last; n++)
        {
            var message = await device.Receive("message");
            Assert.Equal((n, $"d{n}"), ((int)message["seq"]!, (string?)message["content"]));
        }
        Assert.Empty(await device.Drain());
    }

    private async Task<List<string>> Rooms()
    {
        await using var source = NpgsqlDataSource.Create(_database);
        await using var reader = await source.CreateCommand("SELECT name FROM realtime_rooms").ExecuteReaderAsync();
        var rooms = new List<string>();
        while (await reader.ReadAsync())
            rooms.Add(reader.GetString(0));
        return rooms;
    }

    [Fact]
    public async Task Rooms_of_a_killed_silo_go_on_in_their_epoch_and_know_their_ids()
    {
        await using var front = await Front.Start(_cluster.Client, null, []);
        await using var alice = await front.Connect("alice");
        await using var sender = await front.Connect("sender");
        const int rooms = 9; // so that each silo has some
        var inboxes = await OpenInboxes(front, rooms);
        var epochs = new string[rooms];
        var heard = new List<JsonObject>[rooms];
        for (var i = 0; i < rooms; i++)
        {
            heard[i] = [];
            epochs[i] = (string)(await alice.Join($"room{i}"))["epoch"]!;
        }
        void Hear(JsonObject frame)
        {
            if ((string?)frame["type"] == "message")
                heard[int.Parse(((string)frame["room"]!)[4..])].Add(frame);
        }
        for (var i = 0; i < rooms; i++)
        {
            for (var n = 1; n <= 3; n++)
                Assert.Equal((n, epochs[i]), ((int)(await Acked(alice, $"room{i}", $"m{n}", $"id{n}", Hear))["seq"]!, epochs[i]));
        }

        for (var i = 0; i < rooms; i++)
            Assert.Equal((2, 0), Kept(await Tell(sender, i, 2), inboxes[i])); // while the user is away
        IRoomGrain[] boards = [.. Enumerable.Range(0, rooms).Select(i => _cluster.Client.GetGrain<IRoomGrain>($"board{i}"))];
        foreach (var board in boards)
            await board.Broadcast(new RoomMessage { Key = "k", Content = "kept", IfVersion = 0, Id = "set" });

        await _cluster.KillSiloAsync(_cluster.Silos[1]);

        for (var i = 0; i < rooms; i++)
        {
            Assert.Equal((3, 0), Kept(await Tell(sender, i, 3), inboxes[i]));
            Assert.Equal((2, 0), Kept(await Tell(sender, i, 2), inboxes[i]));
            await ReadInbox(front, i, inboxes[i], 3);
        }
        foreach (var board in boards)
        {
            Assert.Equal("\"content\":\"kept\"", System.Text.Encoding.UTF8.GetString(Assert.Single((await board.State()).Entries).Body));
            Assert.Equal(1, (await board.Broadcast(new RoomMessage { Key = "k", Content = "kept", IfVersion = 0, Id = "set" })).Sequence);
            Assert.Equal(2, (await board.Broadcast(new RoomMessage { Key = "k", Content = "more", IfVersion = 1 })).Sequence);
        }
        for (var i = 0; i < rooms; i++)
        {
            var next = await Acked(alice, $"room{i}", "m4", "id4", Hear);
            Assert.Equal((4, epochs[i]), ((int)next["seq"]!, (string?)next["epoch"]));
            var again = await Acked(alice, $"room{i}", "m2", "id2", Hear);
            Assert.Equal((2, epochs[i]), ((int)again["seq"]!, (string?)again["epoch"]));
            Assert.Equal("id_conflict", (string?)(await Say(alice, $"room{i}", "other", "id3", Hear))["code"]);

            await using var back = await front.Connect($"back{i}");
            var joined = await Resume(back, $"room{i}", epochs[i], 1);
            Assert.Equal((true, 4), ((bool)joined["recovered"]!, (int)joined["seq"]!));
            for (var n = 2; n <= 4; n++)
                Assert.Equal((n, $"m{n}"), ((int)(joined = await back.Receive("message"))["seq"]!, (string?)joined["content"]));
            Assert.DoesNotContain(await back.Drain(), frame => (string?)frame["type"] == "message");
        }
        for (var i = 0; i < rooms; i++)
        {
            while (heard[i].Count < 4)
                Hear(await alice.Receive());
            Assert.Equal(["m1", "m2", "m3", "m4"], heard[i].Select(message => (string?)message["content"]));
        }
    }

    [Fact]
    public async Task Devices_whose_inbox_has_no_message_get_the_first_one_after_a_silo_was_killed()
    {
        await using var front = await Front.Start(_cluster.Client, null, []);
        await using var alice = await front.Connect("alice");
        const int users = 12; // so that each silo has some, and some of their partitions
        var devices = new List<(TestClient Device, string Epoch)>();
        for (var i = 0; i < users; i++)
        {
            var device = await front.Connect($"owner{i}");
            devices.Add((device, (string)(await device.Ask(new JsonObject { ["type"] = "inbox" }))["epoch"]!));
        }
        await _cluster.KillSiloAsync(_cluster.Silos[1]);
        for (var n = 1; n <= 2; n++)
        {
            for (var i = 0; i < users; i++)
                Assert.Equal(n, Kept(await Tell(alice, i, n), devices[i].Epoch).Seq);
        }
        foreach (var (device, epoch) in devices)
        {
            for (var n = 1; n <= 2; n++)
            {
                var message = await device.Receive("message");
                Assert.Equal((n, $"d{n}", epoch), ((int)message["seq"]!, (string?)message["content"], (string?)message["epoch"]));
            }
            Assert.Empty(await device.Drain());
            await device.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_restart_of_everything_loses_nothing()
    {
        string epoch, inbox;
        await using (var front = await Front.Start(_cluster.Client, null, []))
        {
            await using var alice = await front.Connect("alice");
            epoch = (string)(await alice.Join("room"))["epoch"]!;
            inbox = (await OpenInboxes(front, 1))[0];
            Assert.Equal((2, 0), Kept(await Tell(alice, 0, 2), inbox));
            Assert.False((await Tell(alice, 1, 1)).ContainsKey("seq")); // this user has no inbox, and leaves no trace
            Assert.Equal(["room", " inbox:owner0"], (await Rooms()).OrderDescending(StringComparer.Ordinal));
            for (var n = 1; n <= 5; n++)
                await Acked(alice, "room", $"m{n}", $"id{n}");
            using var posted = await front.Http.PostAsJsonAsync("/api/rooms/room/messages", new { content = "m6", id = "key" });
            posted.EnsureSuccessStatusCode();
        }
        await _cluster.DisposeAsync();
        await postgres.Kill();
        await postgres.Restart();
        _cluster = await StartCluster();

        await using var again = await Front.Start(_cluster.Client, null, []);
        await using var bob = await again.Connect("bob");
        var joined = await Resume(bob, "room", epoch, 2);
        Assert.Equal((true, 6, epoch), ((bool)joined["recovered"]!, (int)joined["seq"]!, (string?)joined["epoch"]));
        for (var n = 3; n <= 6; n++)
            Assert.Equal($"m{n}", (string?)(await bob.Receive("message"))["content"]);
        await using var back = await again.Connect("alice");
        Assert.Equal((3, 0), Kept(await Tell(back, 0, 3), inbox)); // nobody has asked for it since
        await ReadInbox(again, 0, inbox, 3);
        await back.Join("room");
        Assert.Equal(5, (int)(await Acked(back, "room", "m5", "id5"))["seq"]!);
        using var repeated = await again.Http.PostAsJsonAsync("/api/rooms/room/messages", new { content = "m6", id = "key" });
        Assert.Equal(6, (int)(await repeated.Content.ReadFromJsonAsync<JsonObject>())!["seq"]!);
        Assert.Equal(7, (int)(await Acked(back, "room", "m7", "id7"))["seq"]!);
        var page = (await again.Http.GetFromJsonAsync<JsonObject>("/api/rooms/room/messages?limit=2"))!;
        Assert.Equal(["m6", "m7"], page["messages"]!.AsArray().Select(message => (string?)message!["content"]));
    }

    [Fact]
    public async Task While_the_database_is_away_publishes_are_refused_and_nothing_that_was_acknowledged_is_lost()
    {
        await using var front = await Front.Start(_cluster.Client, null, []);
        await using var alice = await front.Connect("alice");
        await using var bob = await front.Connect("bob");
        var epoch = (string)(await alice.Join("room"))["epoch"]!;
        await bob.Join("room");
        await Acked(alice, "room", "m1", "id1");
        await postgres.Kill();

        for (var n = 2; n <= 4; n++)
        {
            var refused = await Say(alice, "room", $"m{n}", $"id{n}");
            Assert.Equal(("error", "unavailable"), ((string?)refused["type"], (string?)refused["code"]));
        }
        Assert.Equal(1, (int)(await Acked(alice, "room", "m1", "id1"))["seq"]!); // it is kept, and known
        using (var posted = await front.Http.PostAsJsonAsync("/api/rooms/room/messages", new { content = "x", id = "key" }))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, posted.StatusCode);
            Assert.Equal("unavailable", (string?)(await posted.Content.ReadFromJsonAsync<JsonObject>())!["code"]);
        }
        // Who is there already comes and goes, and resumes, from what the room holds.
        await using var carl = await front.Connect("carl");
        var joined = await Resume(carl, "room", epoch, 0);
        Assert.Equal((true, 1, 3), ((bool)joined["recovered"]!, (int)joined["seq"]!, (int)joined["members"]!));
        Assert.Equal("m1", (string?)(await carl.Receive("message"))["content"]);
        // A room that nobody has read yet cannot be.
        Assert.Equal("unavailable", (string?)(await carl.Ask(new JsonObject { ["type"] = "join", ["room"] = "new" }))["code"]);

        await postgres.Restart();
        using var bound = new CancellationTokenSource(TestClient.Bound);
        JsonObject answer;
        while ((string?)(answer = await Say(alice, "room", "m2", "id2"))["type"] != "ack")
        {
            bound.Token.ThrowIfCancellationRequested();
            Assert.Equal("unavailable", (string?)answer["code"]);
        }
        Assert.Equal((2, epoch), ((int)answer["seq"]!, (string?)answer["epoch"]));
        Assert.Equal(3, (int)(await Acked(alice, "room", "m3", "id3"))["seq"]!);
        Assert.Equal(2, (int)(await Acked(alice, "room", "m2", "id2"))["seq"]!);
        foreach (var client in new[] { bob, carl })
        {
            var heard = new List<int>();
            while (heard.Count < (client == bob ? 3 : 2))
            {
                var frame = await client.Receive();
                if ((string?)frame["type"] == "message")
                    heard.Add((int)frame["seq"]!);
            }
            Assert.Equal(client == bob ? [1, 2, 3] : [2, 3], heard);
            Assert.DoesNotContain(await client.Drain(), frame => (string?)frame["type"] == "message");
        }
        // Each silo tries for itself whether the database is back.
        while ((string?)(answer = await carl.Ask(new JsonObject { ["type"] = "join", ["room"] = "new" }))["type"] != "joined")
        {
            bound.Token.ThrowIfCancellationRequested();
            Assert.Equal("unavailable", (string?)answer["code"]);
        }
    }

    [Fact]
    public async Task A_silo_that_is_stopped_hands_its_rooms_over_with_their_log()
    {
        await using var front = await Front.Start(_cluster.Client, null, []);
        await using var alice = await front.Connect("alice");
        var epoch = (string)(await alice.Join("room"))["epoch"]!;
        for (var n = 1; n <= 3; n++)
        {
            Assert.Equal((n, epoch), ((int)(await Acked(alice, "room", $"m{n}", $"id{n}"))["seq"]!, epoch));
            await _cluster.StopSiloAsync(_cluster.Silos[^1]);
            await _cluster.StartAdditionalSiloAsync();
        }
        Assert.Equal((1, epoch), ((int)(await Acked(alice, "room", "m1", "id1"))["seq"]!, epoch));
        var answer = await Acked(alice, "room", "m4", "id4");
        Assert.Equal((4, epoch), ((int)answer["seq"]!, (string?)answer["epoch"]));
    }
}
