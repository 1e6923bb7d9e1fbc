namespace Realtime.PushStreams.Tests;

/// <summary>What is done when nothing happens, counted in calls.</summary>
public sealed class CostTests
{
    private readonly StreamId _id = PushCluster.NewStream();

    [Fact]
    public async Task An_idle_subscription_costs_one_call_a_period_and_an_idle_producer_none()
    {
        var time = new ManualTimeProvider();
        await using var cluster = await PushCluster.Deploy(1, clientTime: time);
        using var readings = new Readings(PushCluster.Short);
        var subscriber = new OneByOne();
        await cluster.Stream(_id, PushCluster.Short).SubscribeAsync(subscriber).Soon();
        await cluster.Silos[0].Stream(_id, PushCluster.Short).OnNextAsync(new Item("", 0)).Soon();
        await Wait.Until(() => readings["batches"] == 1);
        var (lookups, batches) = (readings["lookups"], readings["batches"]);
        var announced = readings["announcements"];
        var periods = 0; // by the client's clock: one that passes while a call is under way brings none
        await Wait.Until(() =>
        {
            if (readings["announcements"] >= announced + 5)
                return true;
            time.Advance(PushCluster.ShortPeriod);
            periods++;
            return false;
        });
        Assert.InRange(readings["announcements"] - announced, 5, periods);
        Assert.Equal((lookups, batches), (readings["lookups"], readings["batches"]));
        Assert.Equal((1, 0), (readings["events"], readings["retries"]));
    }

    [Fact]
    public async Task Events_for_nobody_are_let_go_with_one_call_a_period()
    {
        await using var cluster = await PushCluster.Deploy(1);
        using var readings = new Readings(PushCluster.Short);
        var stream = cluster.Silos[0].Stream(_id, PushCluster.Short);
        // Who listens is known when the subscriptions are as old as the longest silence.
        await stream.OnNextAsync(new Item("", 0)).Soon();
        await Wait.Until(() => readings["pending"] == 0 && readings["lookups"] > 0);
        var (began, lookups) = (TimeProvider.System.GetTimestamp(), readings["lookups"]);
        for (var i = 0; i < 10_000; i++)
            await stream.OnNextAsync(new Item("", i)).Soon();
        await Wait.Until(() => readings["pending"] == 0);
        var more = readings["lookups"] - lookups;
        var periods = TimeProvider.System.GetElapsedTime(began) / PushCluster.ShortPeriod;
        Assert.InRange(more, 0, periods + 1);

        // Who comes then is told of to the producer at once.
        var subscriber = new OneByOne();
        await cluster.Stream(_id, PushCluster.Short).SubscribeAsync(subscriber).Soon();
        await stream.OnNextAsync(new Item("", -1)).Soon();
        await subscriber.Has(1);
        Assert.Equal(-1, subscriber.Numbers[^1]);
        Assert.Empty(subscriber.Errors);
    }
}
