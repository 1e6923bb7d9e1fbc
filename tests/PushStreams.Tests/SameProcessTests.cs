namespace Realtime.PushStreams.Tests;

/// <summary>A subscriber in the process of a producer is given events directly, with the same promises.</summary>
public sealed class SameProcessTests(SharedCluster shared)
{
    private readonly StreamId _id = PushCluster.NewStream();

    private IAsyncStream<Item> Here => shared.Cluster.Stream(_id);

    private IAsyncStream<Item> There => shared.Cluster.Silos[0].Stream(_id);

    [Fact]
    public async Task Producers_here_and_elsewhere_keep_their_order_and_come_one_call_at_a_time()
    {
        const int events = 2000;
        var subscriber = new Batches();
        await Here.SubscribeAsync(subscriber).Soon();
        await Task.WhenAll(Task.Run(() => Produce(Here, "here")), Task.Run(() => Produce(There, "there"))).Soon();
        await subscriber.Has(2 * events);
        foreach (var producer in new[] { "here", "there" })
            Assert.Equal(Enumerable.Range(0, events), subscriber.Items.Where(item => item.Producer == producer).Select(item => item.Number));
        Assert.Equal(1, subscriber.MostAtOnce);

        static async Task Produce(IAsyncStream<Item> stream, string producer)
        {
            for (var i = 0; i < events; i++)
                await stream.OnNextAsync(new Item(producer, i));
        }
    }

    [Fact]
    public async Task A_call_that_takes_longer_than_its_time_out_is_repeated_and_its_events_are_given_once()
    {
        using var readings = new Readings(PushCluster.Default);
        var subscriber = new OneByOne();
        await Here.SubscribeAsync(subscriber).Soon();
        subscriber.Hold();
        await Here.OnNextAsync(new Item("", 0)).Soon();
        await Wait.Until(() => readings["retries"] > 0);
        await Here.OnNextAsync(new Item("", 1)).Soon();
        subscriber.Release();
        await subscriber.Has(2);
        Assert.Equal([0, 1], subscriber.Numbers);
        Assert.Empty(subscriber.Errors);
        Assert.Equal(1, subscriber.MostAtOnce);
    }

    [Fact]
    public async Task A_producer_does_not_wait_for_the_observer()
    {
        var subscriber = new OneByOne();
        await Here.SubscribeAsync(subscriber).Soon();
        subscriber.Hold();
        for (var i = 0; i < 100; i++)
            await Here.OnNextAsync(new Item("", i)).Soon();
        Assert.Empty(subscriber.Log);
        subscriber.Release();
        await subscriber.Has(100);
        Assert.Equal(Enumerable.Range(0, 100), subscriber.Numbers);
    }

    [Fact]
    public async Task A_batch_has_its_events_as_items_with_tokens_that_grow_and_without_them()
    {
        var keeper = new Keeper();
        await Here.SubscribeAsync(keeper).Soon();
        await Here.OnNextAsync(new Item("", 0)).Soon();
        var one = await keeper.Lists.Reader.ReadAsync().AsTask().Soon();
        await Here.OnNextBatchAsync(Enumerable.Range(1, 3).Select(i => new Item("", i))).Soon();
        var three = await keeper.Lists.Reader.ReadAsync().AsTask().Soon();
        foreach (var (list, first, count) in new[] { (one, 0, 1), (three, 1, 3) })
        {
            Assert.Equal(Enumerable.Range(first, count), list.Select(item => item.Item.Number));
            Assert.Equal(list.Select(item => item.Item), ((IPushBatch<Item>)list).Events.ToArray());
            Assert.Equal(count, list.Count);
            Assert.Equal(count - 1, list.IndexOf(list[^1]));
            Assert.DoesNotContain(new SequentialItem<Item>(new Item("else", 0), list[0].Token), list);
            Assert.Throws<NotSupportedException>(list.Clear);
        }
        var tokens = one.Concat(three).Select(item => item.Token).ToList();
        for (var i = 1; i < tokens.Count; i++)
            Assert.True(tokens[i].CompareTo(tokens[i - 1]) > 0, $"{tokens[i]} must come after {tokens[i - 1]}.");
    }

    /// <summary>Keeps the lists as they are.</summary>
    private sealed class Keeper : IAsyncBatchObserver<Item>
    {
        public System.Threading.Channels.Channel<IList<SequentialItem<Item>>> Lists { get; } =
            System.Threading.Channels.Channel.CreateUnbounded<IList<SequentialItem<Item>>>();

        public Task OnNextAsync(IList<SequentialItem<Item>> items)
        {
            Lists.Writer.TryWrite(items);
            return Task.CompletedTask;
        }

        public Task OnErrorAsync(Exception ex) => Task.CompletedTask;
    }
}
