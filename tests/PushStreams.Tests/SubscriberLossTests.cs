namespace Realtime.PushStreams.Tests;

/// <summary>Subscribers that go, with and without a word, and come back.</summary>
public sealed class SubscriberLossTests
{
    private readonly StreamId _id = PushCluster.NewStream();

    [Fact]
    public async Task A_client_that_is_gone_is_dropped_within_the_bound_and_holds_nobody_up()
    {
        await using var cluster = await PushCluster.Deploy(1);
        using var readings = new Readings(PushCluster.Short);
        var (gone, stays) = (new OneByOne(), new OneByOne());
        var stream = cluster.Silos[0].Stream(_id, PushCluster.Short);
        await cluster.Stream(_id, PushCluster.Short).SubscribeAsync(gone).Soon();
        await stream.SubscribeAsync(stays).Soon();
        await stream.OnNextAsync(new Item("", 0)).Soon();
        await gone.Has(1);
        await cluster.KillClientAsync().Soon();
        for (var i = 1; i <= 100; i++)
            await stream.OnNextAsync(new Item("", i)).Soon();
        await stays.Has(101);
        // Of the first event, which it had, the acknowledgement may have gone with it.
        await Wait.Until(() => readings["drops"] is 100 or 101 && readings["pending"] == 0, () => $"{readings["drops"]} dropped, {readings["pending"]} pending");
        var (retries, drops) = (readings["retries"], readings["drops"]);
        await stream.OnNextAsync(new Item("", 101)).Soon();
        await stays.Has(102);
        Assert.Equal((retries, drops), (readings["retries"], readings["drops"]));
    }

    [Fact]
    public async Task A_client_that_stops_takes_its_subscriptions_with_it()
    {
        await using var cluster = await PushCluster.Deploy(1);
        using var readings = new Readings(PushCluster.Default);
        var (gone, stays) = (new OneByOne(), new OneByOne());
        var stream = cluster.Silos[0].Stream(_id);
        await cluster.Stream(_id).SubscribeAsync(gone).Soon();
        await stream.SubscribeAsync(stays).Soon();
        await stream.OnNextAsync(new Item("", 0)).Soon();
        await Task.WhenAll(gone.Has(1), stays.Has(1));
        await cluster.StopClusterClientAsync().Soon();
        await stream.OnNextAsync(new Item("", 1)).Soon();
        await stays.Has(2);
        Assert.Equal((0, 0), (readings["retries"], readings["drops"]));
    }

    [Fact]
    public async Task Who_was_out_of_reach_and_comes_back_is_told_how_much_it_missed()
    {
        var time = new ManualTimeProvider();
        await using var cluster = await PushCluster.Deploy(1, clientTime: time);
        var (absent, present) = (new OneByOne(), new OneByOne());
        var stream = cluster.Silos[0].Stream(_id, PushCluster.Short);
        await cluster.Stream(_id, PushCluster.Short).SubscribeAsync(absent).Soon();
        await stream.SubscribeAsync(present).Soon();
        await stream.OnNextAsync(new Item("", 0)).Soon();
        await absent.Has(1);
        // The client's clock stands still: it does not repeat its subscription, which ends, as the producer finds sooner or later.
        var published = 0;
        await Wait.Until(() =>
        {
            for (var i = 0; i < 10; i++)
                Assert.True(stream.OnNextAsync(new Item("", ++published)).IsCompletedSuccessfully);
            var missing = published + 1 - absent.Items.Count;
            return missing > 300;
        });
        await present.Has(published + 1);
        var before = absent.Items.Count;
        Assert.Equal(Enumerable.Range(0, before), absent.Numbers);
        time.Advance(PushCluster.ShortPeriod);
        await absent.Has(log => log.OfType<PushGapException>().Any());
        await stream.OnNextAsync(new Item("", published + 1)).Soon();
        var log = await absent.Has(before + 2);
        Assert.Equal(published + 1 - before, Assert.IsType<PushGapException>(log[before]).Dropped);
        Assert.Equal(published + 1, Assert.IsType<Item>(log[^1]).Number);
        Assert.Equal(Enumerable.Range(0, published + 2), (await present.Has(published + 2)).Cast<Item>().Select(item => item.Number));
    }
}
