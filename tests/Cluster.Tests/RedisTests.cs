using System.Net;

namespace Realtime.Cluster.Tests;

/// <summary>Clusters whose list of silos is in Redis.</summary>
public sealed class RedisTests
{
    /// <summary>So many that each of two silos has some, but for once in a million runs.</summary>
    private static readonly string[] s_rooms = [.. Enumerable.Range(0, 20).Select(i => $"room{i}")];

    [Fact]
    public async Task Clients_chat_while_a_silo_is_killed_and_comes_back()
    {
        await using var redis = await RedisServer.Start();
        await using var cluster = await Clusters.Start(redis, silos: 2, fronts: 1);
        await using var alice = await Client.Connect(cluster.Fronts[0], "alice");
        await using var bob = await Client.Connect(cluster.Fronts[0], "bob");
        foreach (var room in s_rooms)
        {
            await alice.Join(room);
            await bob.Join(room);
        }
        await EveryRoomHears("with two silos");

        await cluster.Silos[0].Kill();
        await EveryRoomHears("with one silo");

        await (await cluster.StartSilo(0)).WaitUntilReady();
        await EveryRoomHears("with two silos again");

        // The first silo that was there now goes, so that all rooms are where the new one is.
        await cluster.Silos[1].Kill();
        await EveryRoomHears("with the new silo");

        async Task EveryRoomHears(string text)
        {
            await Task.WhenAll(s_rooms.Select(async room =>
            {
                await alice.Publish(room, text);
                await bob.WaitFor(room, text);
            }));
        }
    }

    [Fact]
    public async Task While_Redis_is_away_the_cluster_goes_on_and_afterwards_a_silo_can_join()
    {
        await using var redis = await RedisServer.Start();
        await using var cluster = await Clusters.Start(redis, silos: 2, fronts: 1);
        await using var alice = await Client.Connect(cluster.Fronts[0], "alice");
        await alice.Join("lobby");

        await redis.Kill();
        await alice.Publish("lobby", "without Redis");
        await alice.WaitFor("lobby", "without Redis");
        await redis.Restart();
        await cluster.Silos[0].Kill();
        await (await cluster.StartSilo(0)).WaitUntilReady();

        await alice.Publish("lobby", "with Redis");
        await alice.WaitFor("lobby", "with Redis");
    }

    [Theory]
    [InlineData("silo")]
    [InlineData("front")]
    public async Task A_process_waits_for_Redis_and_goes_on_when_it_is_there(string role)
    {
        await using var redis = await RedisServer.Start();
        await redis.Kill();
        await using var process = Start(role, redis.ConnectionString);
        await Waits(process, $"Redis at 127.0.0.1:{redis.Port}, database 0, user realtime: Connection refused");
        Assert.DoesNotContain(redis.ConnectionString.Split("password=")[1], process.Output);

        await redis.Restart();

        var told = role == "silo" ? "No front has joined" : $"no silo of cluster realtime can be reached (Redis at 127.0.0.1:{redis.Port}, database 0, user realtime)";
        await process.WaitForHealth("ready", (status, body) => status == HttpStatusCode.ServiceUnavailable && body.Contains(told));
    }

    [Theory]
    [InlineData("silo")]
    [InlineData("front")]
    public async Task A_wrong_password_is_told_with_the_address_and_the_process_waits(string role)
    {
        await using var redis = await RedisServer.Start();
        await using var process = Start(role, $"127.0.0.1:{redis.Port},user=realtime,password=not-it");
        await Waits(process, $"Redis at 127.0.0.1:{redis.Port}, database 0, user realtime: WRONGPASS ");
        Assert.DoesNotContain("not-it", process.Output);

        process.Send(Signal.Terminate);
        Assert.Equal(0, await process.Ended.WaitAsync(ServerProcess.Patience));
    }

    [Theory]
    [InlineData("silo")]
    [InlineData("front")]
    public async Task A_user_who_may_not_write_is_told(string role)
    {
        await using var redis = await RedisServer.Start();
        await using var process = Start(role, redis.ReadOnly);
        await Waits(process, $"Redis at 127.0.0.1:{redis.Port}, database 0, user reader: NOPERM ");
    }

    [Theory]
    [InlineData("", "Cluster:ConnectionString is missing; with Cluster:Clustering = redis it names the server")]
    [InlineData("password=hidden", "Cluster:ConnectionString is not a Redis connection string")]
    [InlineData("db:many,password=hidden", "Cluster:ConnectionString is not a Redis connection string")]
    [InlineData("db:6379,password=hid,den", "Cluster:ConnectionString is not a Redis connection string")]
    public async Task A_wrong_connection_string_ends_the_start_with_one_line_without_it(string connectionString, string told)
    {
        await using var process = Start("silo", connectionString);

        Assert.Equal(1, await process.Ended.WaitAsync(ServerProcess.Patience));
        var line = Assert.Single(process.Output.Trim().Split('\n'));
        Assert.StartsWith($"realtime: {told}", line);
        Assert.DoesNotContain("hid", line);
        Assert.DoesNotContain("den", line);
    }

    [Fact]
    public Task An_option_that_the_client_of_Redis_does_not_know_ends_the_start_too()
    {
        return A_wrong_connection_string_ends_the_start_with_one_line_without_it("db:6379,passwd=hidden", "Cluster:ConnectionString is not a Redis connection string");
    }

    private static ServerProcess Start(string role, string connectionString)
    {
        string[] settings = role == "front"
            ? []
            : [$"--Cluster:SiloPort={Ports.Free()}", $"--Cluster:GatewayPort={Ports.Free()}", "--Cluster:AdvertisedAddress=127.0.0.1"];
        return Clusters.StartOne(role, connectionString, [Clusters.OnRedis, .. settings]);
    }

    private static async Task Waits(ServerProcess process, string told)
    {
        await process.WaitForHealth("live", (status, _) => status == HttpStatusCode.OK);
        await process.WaitForHealth("ready", (status, body) => status == HttpStatusCode.ServiceUnavailable && body.Contains(told));
        await process.WaitForOutput(told);
        Assert.DoesNotContain("   at ", process.Output); // no stack trace
    }
}
