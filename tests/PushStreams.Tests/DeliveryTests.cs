namespace Realtime.PushStreams.Tests;

/// <summary>What a subscriber gets, and in what form.</summary>
public sealed class DeliveryTests(SharedCluster shared)
{
    private readonly StreamId _id = PushCluster.NewStream();

    private InProcessTestCluster Cluster => shared.Cluster;

    private IAsyncStream<Item> Stream => Cluster.Stream(_id);

    [Fact]
    public async Task Every_event_of_every_producer_comes_once_and_in_its_order()
    {
        const int producers = 20, events = 500;
        var subscriber = new OneByOne();
        await Stream.SubscribeAsync(subscriber).Soon();
        await Task.WhenAll(Enumerable.Range(0, producers).Select(i =>
            Cluster.Client.GetGrain<IProducerGrain>($"{_id} {i}").Produce(PushCluster.Default, _id, 0, events))).Soon();
        await subscriber.Has(producers * events);
        var byProducer = subscriber.Items.GroupBy(item => item.Producer).ToList();
        Assert.Equal(producers, byProducer.Count);
        Assert.All(byProducer, items => Assert.Equal(Enumerable.Range(0, events), items.Select(item => item.Number)));
    }

    [Fact]
    public async Task Producers_of_one_process_keep_their_order_too()
    {
        const int producers = 8, events = 2000;
        var subscriber = new Batches();
        await Stream.SubscribeAsync(subscriber).Soon();
        await Task.WhenAll(Enumerable.Range(0, producers).Select(producer => Task.Run(async () =>
        {
            for (var i = 0; i < events; i++)
                await Stream.OnNextAsync(new Item($"{producer}", i));
        }))).Soon();
        await subscriber.Has(producers * events);
        Assert.All(subscriber.Items.GroupBy(item => item.Producer), items => Assert.Equal(Enumerable.Range(0, events), items.Select(item => item.Number)));
        Assert.Equal(1, subscriber.MostAtOnce);
    }

    [Fact]
    public async Task A_batch_comes_whole_and_in_order_in_calls_of_at_most_the_largest_batch()
    {
        var subscriber = new Batches();
        await Stream.SubscribeAsync(subscriber).Soon();
        await Stream.OnNextBatchAsync(Enumerable.Range(0, 1000).Select(i => new Item("", i))).Soon();
        await Stream.OnNextBatchAsync([]).Soon();
        await Stream.OnNextAsync(new Item("", 1000)).Soon();
        await subscriber.Has(1001);
        Assert.Equal(Enumerable.Range(0, 1001), subscriber.Numbers);
        Assert.True(subscriber.Calls.Reader.TryRead(out var first));
        Assert.Equal(256, first);
    }

    [Fact]
    public async Task One_call_is_under_way_and_the_next_has_all_that_came_meanwhile()
    {
        var subscriber = new Batches();
        subscriber.Hold();
        await Stream.SubscribeAsync(subscriber).Soon();
        await Stream.OnNextAsync(new Item("", 0)).Soon();
        Assert.Equal(1, await Next(subscriber));
        for (var i = 1; i <= 100; i++)
            await Stream.OnNextAsync(new Item("", i)).Soon();
        Assert.False(subscriber.Calls.Reader.TryRead(out _));
        subscriber.Release();
        Assert.Equal(100, await Next(subscriber));
        await subscriber.Has(101);
        Assert.Equal(Enumerable.Range(0, 101), subscriber.Numbers);
    }

    [Fact]
    public async Task A_call_that_is_repeated_because_its_answer_is_late_gives_nothing_twice()
    {
        using var readings = new Readings(PushCluster.Patient);
        var stream = Cluster.Stream(_id, PushCluster.Patient);
        var subscriber = new OneByOne();
        subscriber.Hold();
        await stream.SubscribeAsync(subscriber).Soon();
        await stream.OnNextBatchAsync([new("", 0), new("", 1)]).Soon();
        await Wait.Until(() => readings["retries"] >= 2);
        subscriber.Release();
        await stream.OnNextAsync(new Item("", 2)).Soon();
        await subscriber.Has(3);
        Assert.Equal([0, 1, 2], subscriber.Numbers);
        Assert.Empty(subscriber.Errors);
    }

    [Fact]
    public async Task Every_subscriber_gets_every_event_on_silos_and_clients()
    {
        Recorder[] subscribers = [new OneByOne(), new Batches(), new OneByOne()];
        await Stream.SubscribeAsync((OneByOne)subscribers[0]).Soon();
        await Stream.SubscribeAsync((Batches)subscribers[1]).Soon();
        await Cluster.Silos[0].Stream(_id).SubscribeAsync((OneByOne)subscribers[2]).Soon();
        await Cluster.Silos[1].Stream(_id).OnNextBatchAsync(Enumerable.Range(0, 300).Select(i => new Item("", i))).Soon();
        foreach (var subscriber in subscribers)
        {
            await subscriber.Has(300);
            Assert.Equal(Enumerable.Range(0, 300), subscriber.Numbers);
        }
    }

    [Fact]
    public async Task Who_has_unsubscribed_gets_nothing_more()
    {
        var (leaves, stays) = (new OneByOne(), new OneByOne());
        var handle = await Stream.SubscribeAsync(leaves).Soon();
        var other = await Stream.SubscribeAsync(stays).Soon();
        await Stream.OnNextAsync(new Item("", 0)).Soon();
        await leaves.Has(1);
        Assert.Equivalent(new[] { handle.HandleId, other.HandleId }, (await Stream.GetAllSubscriptionHandles()).Select(each => each.HandleId), strict: true);
        await handle.UnsubscribeAsync().Soon();
        await handle.UnsubscribeAsync().Soon();
        await Stream.OnNextAsync(new Item("", 1)).Soon();
        await stays.Has(2);
        Assert.Equal([0], leaves.Numbers);
        Assert.Equal(other, Assert.Single(await Stream.GetAllSubscriptionHandles()));
        await Assert.ThrowsAsync<InvalidOperationException>(() => handle.ResumeAsync(leaves));
    }

    [Fact]
    public async Task After_a_resume_another_observer_gets_the_rest_also_of_a_batch_under_way()
    {
        var (before, after) = (new OneByOne(), new Batches());
        before.Hold();
        var handle = await Stream.SubscribeAsync(before).Soon();
        await Stream.OnNextBatchAsync(Enumerable.Range(0, 5).Select(i => new Item("", i))).Soon();
        await Next(before);
        Assert.Equal(handle, await handle.ResumeAsync(after).Soon());
        before.Release();
        await Stream.OnNextAsync(new Item("", 5)).Soon();
        await after.Has(5);
        Assert.Equal([0], before.Numbers);
        Assert.Equal([1, 2, 3, 4, 5], after.Numbers);
    }

    [Fact]
    public async Task An_event_on_which_the_observer_fails_goes_to_its_OnErrorAsync_and_the_next_ones_come()
    {
        var subscriber = new OneByOne { Throws = item => item.Number == 1 ? new InvalidOperationException("no ones") : null };
        await Stream.SubscribeAsync(subscriber).Soon();
        await Stream.OnNextBatchAsync(Enumerable.Range(0, 4).Select(i => new Item("", i))).Soon();
        var log = await subscriber.Has(4);
        Assert.Equal("no ones", Assert.IsType<InvalidOperationException>(log[1]).Message);
        Assert.Equal([0, 2, 3], subscriber.Numbers);
    }

    [Fact]
    public async Task A_batch_on_which_the_observer_fails_goes_to_its_OnErrorAsync_and_the_next_one_comes()
    {
        var subscriber = new Batches { Throws = item => item.Number == 1 ? new InvalidOperationException("no ones") : null };
        await Stream.SubscribeAsync(subscriber).Soon();
        await Stream.OnNextBatchAsync([new("", 0), new("", 1)]).Soon();
        await subscriber.Has(1);
        await Stream.OnNextAsync(new Item("", 2)).Soon();
        await subscriber.Has(2);
        Assert.IsType<InvalidOperationException>(subscriber.Log[0]);
        Assert.Equal([2], subscriber.Numbers);
    }

    [Fact]
    public async Task Streams_of_two_providers_or_two_types_share_nothing_but_their_name()
    {
        var (mine, small, text) = (new OneByOne(), new OneByOne(), new List<string>());
        await Stream.SubscribeAsync(mine).Soon();
        await Cluster.Stream(_id, PushCluster.Small).SubscribeAsync(small).Soon();
        var texts = Cluster.Client.GetStreamProvider(PushCluster.Default).GetStream<string>(_id);
        var got = new TaskCompletionSource();
        await texts.SubscribeAsync((item, _) =>
        {
            text.Add(item);
            got.TrySetResult();
            return Task.CompletedTask;
        }).Soon();
        await Stream.OnNextAsync(new Item("default", 1)).Soon();
        await Cluster.Silos[0].Stream(_id, PushCluster.Small).OnNextAsync(new Item("small", 2)).Soon();
        await texts.OnNextAsync("three").Soon();
        await Task.WhenAll(mine.Has(1), small.Has(1), got.Task).Soon();
        // What could have come to the wrong one would have come by the second event.
        await Stream.OnNextAsync(new Item("default", 4)).Soon();
        await mine.Has(2);
        Assert.Equal([1, 4], mine.Numbers);
        Assert.Equal([2], small.Numbers);
        Assert.Equal(["three"], text);
    }

    [Fact]
    public async Task An_event_that_cannot_be_sent_costs_no_other()
    {
        var stream = Cluster.Silos[0].ServiceProvider.GetRequiredKeyedService<IStreamProvider>(PushCluster.Default).GetStream<object>(_id);
        var log = new List<object>();
        var last = new TaskCompletionSource();
        await Cluster.Client.GetStreamProvider(PushCluster.Default).GetStream<object>(_id).SubscribeAsync(
            (item, _) =>
            {
                log.Add(item);
                if (item is "two")
                    last.TrySetResult();
                return Task.CompletedTask;
            },
            exception =>
            {
                log.Add(exception);
                return Task.CompletedTask;
            }).Soon();
        await stream.OnNextBatchAsync(["one", new NotSerializable(), "two"]).Soon();
        await last.Task.Soon();
        // Within a process nothing needs to be serialized.
        Assert.Equal(["one", log[1], "two"], log);
        Assert.True(log[1] is NotSerializable or PushGapException { Dropped: 1 });
    }

    [Fact]
    public async Task A_grain_that_subscribes_is_told_clearly_that_it_cannot()
    {
        var error = await Cluster.Client.GetGrain<IProducerGrain>($"{_id}").Subscribe(PushCluster.Default, _id).Soon();
        Assert.Contains("outside of grains", error);
    }

    [Fact]
    public async Task A_producer_can_neither_complete_a_stream_nor_send_an_error()
    {
        await Assert.ThrowsAsync<NotSupportedException>(async () => await Stream.OnCompletedAsync());
        await Assert.ThrowsAsync<NotSupportedException>(async () => await Stream.OnErrorAsync(new InvalidOperationException()));
    }

    private sealed class NotSerializable;

    private static async Task<int> Next(Recorder subscriber) => await subscriber.Calls.Reader.ReadAsync().AsTask().Soon();
}
