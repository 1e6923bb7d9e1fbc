using System.Collections.Concurrent;

namespace Realtime.PushStreams.Tests;

/// <summary>Clusters of two silos of which one dies or stops. Many streams, so that both silos hold subscriptions.</summary>
public sealed class SiloEndTests
{
    private const int Streams = 12;

    private readonly StreamId[] _ids = [.. Enumerable.Range(0, Streams).Select(_ => PushCluster.NewStream())];

    [Theory, InlineData(true), InlineData(false)]
    public async Task Subscriptions_outlive_the_silo_that_holds_them_and_no_event_of_a_living_producer_is_lost(bool gracefully)
    {
        await using var cluster = await PushCluster.Deploy(2);
        var subscribers = await Subscribe(cluster);
        var (stays, goes) = (cluster.Silos[0], cluster.Silos[1]);
        using var stop = new CancellationTokenSource();
        var published = Task.WhenAll(_ids.Select(id => Publish(stays.Stream(id), stop.Token)));
        await Task.WhenAll(subscribers.Select(subscriber => subscriber.Has(20)));
        await (gracefully ? cluster.StopSiloAsync(goes) : cluster.KillSiloAsync(goes)).Soon();
        var before = subscribers.Select(subscriber => subscriber.Items.Count).ToArray();
        for (var i = 0; i < Streams; i++)
            await subscribers[i].Has(before[i] + 20);
        stop.Cancel();
        var counts = await published.Soon();
        for (var i = 0; i < Streams; i++)
        {
            await subscribers[i].Has(counts[i]);
            Assert.Equal(Enumerable.Range(0, counts[i]), subscribers[i].Numbers);
            Assert.Empty(subscribers[i].Errors);
        }
    }

    [Fact]
    public async Task A_producer_that_starts_after_the_subscriptions_were_lost_reaches_all_subscribers()
    {
        await using var cluster = await PushCluster.Deploy(2);
        var subscribers = await Subscribe(cluster);
        await cluster.KillSiloAsync(cluster.Silos[1]).Soon();
        await Task.WhenAll(_ids.Select(id => cluster.Silos[0].Stream(id).OnNextBatchAsync([new("", 0), new("", 1)]))).Soon();
        foreach (var subscriber in subscribers)
        {
            await subscriber.Has(2);
            Assert.Equal([0, 1], subscriber.Numbers);
        }
    }

    [Fact]
    public async Task Who_is_not_heard_of_yet_when_a_new_producer_starts_is_told_what_it_missed()
    {
        var time = new ManualTimeProvider();
        await using var cluster = await PushCluster.Deploy(2, clientTime: time);
        var late = await Subscribe(cluster);
        var (stays, goes) = (cluster.Silos[0], cluster.Silos[1]);
        var present = new List<OneByOne>();
        foreach (var id in _ids)
        {
            present.Add(new OneByOne());
            await stays.Stream(id).SubscribeAsync(present[^1]).Soon();
        }
        // Those subscriptions that this silo holds are lost. The ones of the other silo repeat themselves; the client's do not,
        // as its clock stands still.
        await cluster.StopSiloAsync(goes).Soon();
        await Task.WhenAll(_ids.Select(id => stays.Stream(id).OnNextBatchAsync([new("", 0), new("", 1), new("", 2)]))).Soon();
        await Task.WhenAll(present.Select(subscriber => subscriber.Has(3)));
        time.Advance(TimeSpan.FromSeconds(1));
        foreach (var subscriber in late)
        {
            var log = await subscriber.Has(log => log.OfType<Item>().Count() == 3 || log.OfType<PushGapException>().Any());
            Assert.True(log.Count == 3 || Assert.IsType<PushGapException>(Assert.Single(log)).Dropped == 3);
        }
    }

    [Fact]
    public async Task What_a_producer_was_told_is_taken_arrives_though_its_silo_stops_under_load()
    {
        await using var cluster = await PushCluster.Deploy(2);
        var subscribers = await Subscribe(cluster);
        var taken = new ConcurrentBag<Item>();
        using var stop = new CancellationTokenSource();
        var load = Task.WhenAll(Enumerable.Range(0, 4 * Streams).Select(i => Task.Run(async () =>
        {
            var (id, name) = (_ids[i % Streams], $"{_ids[0]} {i}");
            var grain = cluster.Client.GetGrain<IProducerGrain>(name);
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(10)); // 4,800 calls a second together
            for (var number = 0; !stop.IsCancellationRequested; number++)
            {
                // As a room's caller would: again, until it is taken.
                await Retry(() => grain.Produce(PushCluster.Default, id, number, 1));
                taken.Add(new Item(name, number));
                await pace.WaitForNextTickAsync(CancellationToken.None);
            }
        })));
        await Task.WhenAll(subscribers.Select(subscriber => subscriber.Has(40)));
        // Subscribers that take nothing for a while, so that there is much to deliver when the silo stops.
        using var readings = new Readings(PushCluster.Default);
        subscribers.ForEach(subscriber => subscriber.Hold());
        await Wait.Until(() => readings["pending"] >= 200);
        var stopped = cluster.StopSiloAsync(cluster.Silos[1]);
        await Wait.Until(() => readings["retries"] >= Streams);
        Assert.False(stopped.IsCompleted);
        subscribers.ForEach(subscriber => subscriber.Release());
        await stopped.Soon();
        var sofar = subscribers.Select(subscriber => subscriber.Items.Count).ToArray();
        for (var i = 0; i < Streams; i++)
            await subscribers[i].Has(sofar[i] + 40);
        stop.Cancel();
        await load.Soon();
        Assert.NotEmpty(taken);
        await Wait.Until(
            () => !taken.Except(subscribers.SelectMany(subscriber => subscriber.Items)).Any(),
            () => $"Lost of {taken.Count}: {string.Join(", ", taken.Except(subscribers.SelectMany(subscriber => subscriber.Items)).Take(20))}; {string.Join(", ", subscribers.SelectMany(subscriber => subscriber.Errors))}");
        Assert.All(subscribers, subscriber => Assert.Empty(subscriber.Errors));
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_a_subscriber_that_has_been_mute_for_long()
    {
        await using var cluster = await PushCluster.Deploy(2);
        var (mute, hears) = (new OneByOne(), new OneByOne());
        var id = _ids[0];
        await cluster.Stream(id, PushCluster.LongDrain).SubscribeAsync(mute).Soon();
        await cluster.Silos[0].Stream(id, PushCluster.LongDrain).SubscribeAsync(hears).Soon();
        using var readings = new Readings(PushCluster.LongDrain);
        mute.Hold();
        var stream = cluster.Silos[1].Stream(id, PushCluster.LongDrain);
        await stream.OnNextAsync(new Item("", 0)).Soon();
        await Wait.Until(() => readings["retries"] >= 2); // two seconds; it counts as mute after three

        var stopped = cluster.StopSiloAsync(cluster.Silos[1]);
        // A producer too need not wait for it, and the others get what is produced.
        await stream.OnNextAsync(new Item("", 1)).Soon();
        await hears.Has(2);
        await stopped.Soon(); // not the minute that a stop may wait here
        mute.Release();
    }

    [Fact]
    public async Task While_a_silo_stops_its_producers_wait_for_one_missed_call_and_the_stop_for_the_subscriber()
    {
        // By this clock a subscriber is never mute for long. Calls of Orleans have no time-out by it either; those within a process have.
        await using var cluster = await PushCluster.Deploy(2, siloTime: new StandingClock());
        var (slow, hears) = (new OneByOne(), new OneByOne());
        var id = _ids[0];
        var stream = cluster.Silos[1].Stream(id, PushCluster.LongDrain);
        await stream.SubscribeAsync(slow).Soon();
        await cluster.Silos[0].Stream(id, PushCluster.LongDrain).SubscribeAsync(hears).Soon();
        slow.Hold();
        await stream.OnNextAsync(new Item("", 0)).Soon();
        await hears.Has(1);

        var stopped = cluster.StopSiloAsync(cluster.Silos[1]);
        var provider = PushStreamProvider.Of(cluster.Silos[1].ServiceProvider, PushCluster.LongDrain);
        await Wait.Until(() => provider.IsDraining);
        for (var i = 1; i < 4; i++)
        {
            await stream.OnNextAsync(new Item("", i)).Soon();
            await hears.Has(i + 1);
        }
        Assert.False(stopped.IsCompleted);
        slow.Release();
        await stopped.Soon();

        await slow.Has(4);
        Assert.Equal([0, 1, 2, 3], slow.Numbers);
        Assert.Empty(slow.Errors);
    }

    [Fact]
    public async Task After_a_silo_has_died_one_can_subscribe_and_unsubscribe()
    {
        await using var cluster = await PushCluster.Deploy(2);
        var (leaves, comes) = (new OneByOne(), new OneByOne());
        var handles = new List<StreamSubscriptionHandle<Item>>();
        foreach (var id in _ids)
            handles.Add(await cluster.Stream(id).SubscribeAsync(leaves).Soon());
        await cluster.KillSiloAsync(cluster.Silos[1]).Soon();
        await Task.WhenAll(handles.Select(handle => handle.UnsubscribeAsync())).Soon();
        await Task.WhenAll(_ids.Select(id => cluster.Stream(id).SubscribeAsync(comes))).Soon();
        await Task.WhenAll(_ids.Select(id => cluster.Silos[0].Stream(id).OnNextAsync(new Item($"{id}", 0)))).Soon();
        await comes.Has(Streams);
        Assert.Empty(leaves.Log);
    }

    /// <summary>Its timers run and its time does not.</summary>
    private sealed class StandingClock : TimeProvider
    {
        public override long GetTimestamp() => 0;
    }

    private static async Task<int> Publish(IAsyncStream<Item> stream, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        var published = 0;
        while (!stop.IsCancellationRequested)
        {
            await stream.OnNextAsync(new Item("", published++));
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
        return published;
    }

    private static async Task Retry(Func<Task> call)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                // A call whose gateway stops may get no answer; Orleans' own time-out is as long as this may take in all.
                await call().WaitAsync(TimeSpan.FromSeconds(3));
                return;
            }
            catch (Exception exception) when (exception is OrleansException or TimeoutException && TimeProvider.System.GetElapsedTime(began) < Wait.Longest)
            {
                await Task.Delay(20);
            }
        }
    }

    private async Task<List<OneByOne>> Subscribe(InProcessTestCluster cluster)
    {
        var subscribers = new List<OneByOne>();
        foreach (var id in _ids)
        {
            subscribers.Add(new OneByOne());
            await cluster.Stream(id).SubscribeAsync(subscribers[^1]).Soon();
        }
        return subscribers;
    }
}
