using System.Net.WebSockets;
using System.Text;

namespace Realtime.Cluster.Tests.Monitoring;

/// <summary>Faults, and what the alarms of <c>deploy/prometheus/rules.yml</c> read of them at <c>/metrics</c>.</summary>
public sealed class AlarmTests(PostgresFixture postgres)
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_database_that_dies_is_a_log_that_is_down_and_goes_on_when_it_is_back()
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, $"On this machine {PostgresServer.Missing}.");
        await using var server = await PostgresServer.Start();
        await using var cluster = await Clusters.Start(await server.CreateDatabase("alarms"), silos: 1, fronts: 1);
        await using var alice = await Client.Connect(cluster.Fronts[0], "alice");
        await alice.Join("alarm-log");
        await alice.Publish("alarm-log", "before");
        var (down, silo) = (MonitoringFiles.AlarmNamed("RealtimeLogDown").Expression.Selectors, cluster.Silos[0]);
        var kept = await Until(silo, down[1], sum => sum >= 1);
        Assert.True(down[0].Sum(await MetricsText.Of(silo)) is null or 0);

        await server.Kill();
        await Assert.ThrowsAsync<InvalidOperationException>(() => alice.Publish("alarm-log", "meanwhile"));
        await Until(silo, down[0], sum => sum >= 1);
        await Until(silo, MonitoringFiles.AlarmNamed("RealtimeLogFailing").Expression.Selectors[0], sum => sum >= 1);
        Assert.Equal(kept, down[1].Sum(await MetricsText.Of(silo)));

        await server.Restart();
        await silo.WaitUntil(() => IsPublished(alice, "alarm-log", "after"), () => "a publish is refused still", default);
        await Until(silo, down[1], sum => sum > kept);
    }

    [Fact]
    public async Task A_client_that_reads_nothing_is_a_slow_consumer()
    {
        await using var single = Clusters.StartOne("single", null, "--Connections:QueueBytes=65536");
        await single.WaitUntilReady();
        await using var alice = await Client.Connect(single, "alice");
        await alice.Join("alarm-slow");
        using var slow = new ClientWebSocket();
        using var bound = new CancellationTokenSource(s_bound);
        await slow.ConnectAsync(new($"ws://127.0.0.1:{single.Port}/ws?user=slow"), bound.Token);
        await slow.SendAsync(Encoding.UTF8.GetBytes("""{"type":"join","room":"alarm-slow"}"""), WebSocketMessageType.Text, true, bound.Token);
        Assert.Equal(("join", "slow"), await alice.NextPresence());
        var selectors = MonitoringFiles.AlarmNamed("RealtimeSlowConsumers").Expression.Selectors;
        Assert.Equal((0, 2), (selectors[0].Sum(await MetricsText.Of(single)), selectors[1].Sum(await MetricsText.Of(single))));

        while (selectors[0].Sum(await MetricsText.Of(single)) == 0)
        {
            Assert.False(bound.IsCancellationRequested, "Nobody is told to be slow.");
            for (var n = 0; n < 20; n++)
                await alice.Publish("alarm-slow", new string('x', 30_000));
        }
        Assert.Equal(1, selectors[0].Sum(await MetricsText.Of(single)));
    }

    [Fact]
    public async Task A_front_whose_silo_dies_is_not_ready()
    {
        await using var cluster = await Clusters.Start(postgres, silos: 1, fronts: 1);
        var front = cluster.Fronts[0];
        var notReady = MonitoringFiles.AlarmNamed("RealtimeNotReady").Expression.Selectors[0];
        var before = notReady.Sum(await MetricsText.Of(front)) ?? 0; // it has waited for the silo

        await cluster.Silos[0].Kill();
        await front.WaitForHealth("ready", (status, _) => (int)status == 503);
        await Until(front, notReady, sum => sum > before);
    }

    [Fact]
    public async Task A_silo_that_dies_is_seen_by_the_other()
    {
        await using var cluster = await Clusters.Start(postgres, silos: 2, fronts: 1);
        var ring = MonitoringFiles.AlarmNamed("RealtimeSilosDisagree").Expression.Selectors[0];
        await Until(cluster.Silos[0], ring, sum => sum == 2);
        await cluster.Silos[1].Kill();
        await Until(cluster.Silos[0], ring, sum => sum == 1);
    }

    [Fact]
    public async Task A_front_that_is_full_is_near_its_limit_and_refuses()
    {
        await using var single = Clusters.StartOne("single", null, "--Limits:Enabled=true", "--Limits:Connections=2");
        await single.WaitUntilReady();
        var near = MonitoringFiles.AlarmNamed("RealtimeConnectionsNearLimit").Expression.Selectors;
        var refused = MonitoringFiles.AlarmNamed("RealtimeConnectionsRefused").Expression.Selectors[0];
        await using var alice = await Client.Connect(single, "alice");
        await using var bob = await Client.Connect(single, "bob");
        await Until(single, near[0], sum => sum == 2);
        Assert.Equal((2, 0), (near[1].Sum(await MetricsText.Of(single)), refused.Sum(await MetricsText.Of(single))));
        await Assert.ThrowsAsync<WebSocketException>(() => Client.Connect(single, "carl"));
        await Until(single, refused, sum => sum == 1);
    }

    private static async Task<bool> IsPublished(Client client, string room, string content)
    {
        try
        {
            await client.Publish(room, content);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false; // answered by an error
        }
    }

    /// <summary>Reads what a process shows until the sum of a selector's series is as awaited; null is a series that is not there.</summary>
    private static async Task<double?> Until(ServerProcess process, PromQl.Selector selector, Func<double?, bool> isAwaited)
    {
        double? sum = null;
        await process.WaitUntil(async () => isAwaited(sum = selector.Sum(await MetricsText.Of(process))), () => $"{selector.Metric} is {sum}", default);
        return sum;
    }
}
