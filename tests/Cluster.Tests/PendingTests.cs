using System.Diagnostics;

namespace Realtime.Cluster.Tests;

/// <summary>What waits in a silo for a front that hangs.</summary>
public sealed class PendingTests(PostgresFixture postgres)
{
    // The silo may have so much memory; what is published is more.
    private const long HeapBytes = 128 << 20;
    private const int Large = 3000;

    [Fact]
    public async Task Is_bounded_in_bytes_and_the_fronts_members_have_all_or_are_told()
    {
        await using var cluster = new ProcessCluster(silos: 1, fronts: 2, new(ProcessClusterOptions.InPostgres(await postgres.CreateDatabase()),
            "--Log:Provider=memory", "--Streams:MaxPendingBytes=65536", "--Streams:FullWait=00:00:00.2", "--Streams:SubscriberTimeout=00:05:00", "--Leases:FrontLease=00:05:00")
        {
            Adapt = start => !start.Name.StartsWith("silo") ? start : start with
            {
                Environment = new Dictionary<string, string?>(start.Environment) { ["DOTNET_gcServer"] = "0", ["DOTNET_GCHeapHardLimit"] = $"0x{HeapBytes:X}" },
            },
        });
        await cluster.StartAll();
        await using var speaks = await Client.Connect(cluster.Fronts[0], "speaks");
        await using var hears = await Client.Connect(cluster.Fronts[1], "hears");
        foreach (var room in new[] { "small", "large" })
        {
            await speaks.Join(room);
            await hears.Join(room);
        }

        // More than may wait, but the room has it still.
        cluster.Fronts[1].Send(Signal.Suspend);
        await Publish(speaks, "small", 50, new string('x', 10_000));
        cluster.Fronts[1].Send(Signal.Continue);
        await hears.WaitFor("small", "last");
        AssertTold(hears, "small");
        Assert.Equal(51, hears.HeardIn("small").Count);
        Assert.Empty(hears.LossesIn("small"));

        // And more than the room keeps.
        await speaks.Publish("large", "first");
        await hears.WaitFor("large", "first");
        cluster.Fronts[1].Send(Signal.Suspend);
        await Publish(speaks, "large", Large, new string('x', 60_000));
        await speaks.WaitFor("large", "last");
        Assert.Equal(Large + 2, speaks.HeardIn("large").Count);
        Assert.InRange(await PendingBytes(cluster.Silos[0]), 65_536 - 60_500, 65_536 + 50 * 60_500); // what comes at once is taken whole
        cluster.Fronts[1].Send(Signal.Continue);
        var bound = Stopwatch.StartNew();
        while (hears.LossesIn("large").Count == 0 && bound.Elapsed < Client.Patience)
            await Task.Delay(10);
        await speaks.Publish("large", "after");
        await hears.WaitFor("large", "after");
        AssertTold(hears, "large");
    }

    private static async Task<long> PendingBytes(ServerProcess silo)
    {
        using var http = new HttpClient();
        var metrics = await http.GetStringAsync($"http://127.0.0.1:{silo.Port}/metrics");
        return metrics.Split('\n').Where(line => line.StartsWith("realtime_push_pending_size_bytes{", StringComparison.Ordinal)).Sum(line => long.Parse(line.Split(' ')[1]));
    }

    private static async Task Publish(Client client, string room, int messages, string content)
    {
        for (var i = 0; i < messages; i += 50)
            await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => client.Publish(room, content)));
        await client.Publish(room, "last");
    }

    /// <summary>In order, and where messages are missing that was told in their place.</summary>
    private static void AssertTold(Client client, string room)
    {
        var losses = client.LossesIn(room);
        foreach (var (one, next) in client.HeardIn(room).Zip(client.HeardIn(room).Skip(1)))
        {
            Assert.True(next.Sequence > one.Sequence);
            Assert.True(next.Sequence == one.Sequence + 1 || losses.Any(loss => loss.At > one.At && loss.At < next.At), $"Between {one.Sequence} and {next.Sequence} nothing was told.");
        }
    }
}
