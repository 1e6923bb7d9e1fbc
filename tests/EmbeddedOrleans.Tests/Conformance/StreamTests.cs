namespace Realtime.EmbeddedOrleans.Tests.Conformance;

[GenerateSerializer]
public sealed class News
{
    [Id(0)]
    public int Number { get; set; }

    [Id(1)]
    public List<string> Words { get; set; } = [];
}

public interface IReaderGrain : IGrainWithStringKey
{
    Task Subscribe(string stream);

    Task Unsubscribe(string stream);

    Task<List<int>> Heard();

    Task<int> Handles(string stream);

    Task End();

    Task<bool> HeardOnTurns();
}

public sealed class ReaderGrain : Grain, IReaderGrain, IAsyncObserver<News>
{
    private readonly List<int> _heard = [];
    private TaskScheduler? _scheduler;
    private bool _onTurns = true;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        // The key is also the name of the stream whose subscription lives on.
        foreach (var handle in await Stream(this.GetPrimaryKeyString()).GetAllSubscriptionHandles())
            await handle.ResumeAsync(this);
    }

    public Task Subscribe(string stream)
    {
        _scheduler = TaskScheduler.Current;
        return Stream(stream).SubscribeAsync(this);
    }

    public async Task Unsubscribe(string stream)
    {
        foreach (var handle in await Stream(stream).GetAllSubscriptionHandles())
            await handle.UnsubscribeAsync();
    }

    public Task<List<int>> Heard() => Task.FromResult(_heard);

    public async Task<int> Handles(string stream) => (await Stream(stream).GetAllSubscriptionHandles()).Count;

    public Task End()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task<bool> HeardOnTurns() => Task.FromResult(_onTurns);

    public async Task OnNextAsync(News item, StreamSequenceToken? token = null)
    {
        _onTurns &= _scheduler is null || _scheduler == TaskScheduler.Current;
        await Task.Yield();
        _heard.Add(item.Number);
        item.Words.Add("changed");
    }

    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;

    private IAsyncStream<News> Stream(string key) => this.GetStreamProvider(SharedCluster.Streams).GetStream<News>(StreamId.Create("news", key));
}

public interface IWriterGrain : IGrainWithStringKey
{
    Task Write(string stream, int first, int count);

    Task WriteBatch(string stream, int first, int count);
}

public sealed class WriterGrain : Grain, IWriterGrain
{
    public async Task Write(string stream, int first, int count)
    {
        for (var i = 0; i < count; i++)
            await Stream(stream).OnNextAsync(new News { Number = first + i });
    }

    public Task WriteBatch(string stream, int first, int count) =>
        Stream(stream).OnNextBatchAsync(Enumerable.Range(first, count).Select(number => new News { Number = number }));

    private IAsyncStream<News> Stream(string key) => this.GetStreamProvider(SharedCluster.Streams).GetStream<News>(StreamId.Create("news", key));
}

public interface IProviderGrain : IGrainWithStringKey
{
    Task<bool> Has(string provider);
}

public sealed class ProviderGrain : Grain, IProviderGrain
{
    public Task<bool> Has(string provider)
    {
        try
        {
            return Task.FromResult(this.GetStreamProvider(provider).Name == provider);
        }
        catch (KeyNotFoundException)
        {
            return Task.FromResult(false);
        }
    }
}

/// <summary>Streams with explicit subscriptions.</summary>
public sealed class StreamTests(SharedCluster shared)
{
    private IAsyncStream<News> Stream(string key) => shared.Client.GetStreamProvider(SharedCluster.Streams).GetStream<News>(StreamId.Create("news", key));

    [Fact]
    public async Task Events_come_to_every_subscriber_once_and_in_order()
    {
        var key = Key();
        var (one, other) = (shared.NewGrain<IReaderGrain>(), shared.NewGrain<IReaderGrain>());
        await Task.WhenAll(one.Subscribe(key), other.Subscribe(key)).Soon();
        var client = new Collector();
        var subscription = await Stream(key).SubscribeAsync(client).Soon();
        var writer = shared.NewGrain<IWriterGrain>();
        await writer.Write(key, 0, 50).Soon();
        await writer.WriteBatch(key, 50, 50).Soon();
        var all = Enumerable.Range(0, 100).ToList();
        await Wait.Until(async () => (await one.Heard()).Count >= 100 && (await other.Heard()).Count >= 100 && client.Count >= 100);
        await Task.Delay(50);
        Assert.Equal(all, await one.Heard().Soon());
        Assert.Equal(all, await other.Heard().Soon());
        Assert.Equal(all, client.Numbers);
        Assert.True(await one.HeardOnTurns().Soon());
        await subscription.UnsubscribeAsync().Soon();
    }

    [Fact]
    public async Task Subscribers_do_not_share_events()
    {
        var key = Key();
        var reader = shared.NewGrain<IReaderGrain>();
        await reader.Subscribe(key).Soon();
        var (one, other) = (new Collector(), new Collector());
        await Stream(key).SubscribeAsync(one).Soon();
        await Stream(key).SubscribeAsync(other).Soon();
        var news = new News { Number = 1, Words = ["first"] };
        await Stream(key).OnNextAsync(news).Soon();
        await Wait.Until(async () => (await reader.Heard()).Count == 1 && one.Count == 1 && other.Count == 1);
        Assert.NotSame(one.Items[0], other.Items[0]);
        Assert.NotSame(news, one.Items[0]);
        Assert.Equal(["first"], one.Items[0].Words);
        await EndAll(key);
    }

    [Fact]
    public async Task Streams_are_apart_by_namespace_and_key()
    {
        var (key, otherKey) = (Key(), Key());
        var (one, other) = (new Collector(), new Collector());
        await Stream(key).SubscribeAsync(one).Soon();
        await Stream(otherKey).SubscribeAsync(other).Soon();
        await shared.Client.GetStreamProvider(SharedCluster.Streams).GetStream<News>(StreamId.Create("other", key)).OnNextAsync(new News { Number = 9 }).Soon();
        await Stream(key).OnNextAsync(new News { Number = 1 }).Soon();
        await Stream(otherKey).OnNextAsync(new News { Number = 2 }).Soon();
        await Wait.Until(() => Task.FromResult(one.Count == 1 && other.Count == 1));
        Assert.Equal((1, 2), (one.Numbers[0], other.Numbers[0]));
        await EndAll(key);
        await EndAll(otherKey);
    }

    [Fact]
    public async Task After_unsubscribing_nothing_comes()
    {
        var key = Key();
        var reader = shared.NewGrain<IReaderGrain>();
        await reader.Subscribe(key).Soon();
        var client = new Collector();
        await Stream(key).SubscribeAsync(client).Soon();
        await Stream(key).OnNextAsync(new News { Number = 1 }).Soon();
        await Wait.Until(async () => (await reader.Heard()).Count == 1 && client.Count == 1);
        Assert.Equal(1, await reader.Handles(key).Soon());
        await reader.Unsubscribe(key).Soon();
        Assert.Equal(0, await reader.Handles(key).Soon());
        await Stream(key).OnNextAsync(new News { Number = 2 }).Soon();
        await Wait.Until(() => Task.FromResult(client.Count == 2));
        Assert.Equal([1], await reader.Heard().Soon());
        await EndAll(key);
        Assert.Empty(await Stream(key).GetAllSubscriptionHandles().Soon());
    }

    [Fact]
    public async Task A_batch_observer_gets_everything_in_order()
    {
        var key = Key();
        var batches = new List<int[]>();
        var gate = Guid.NewGuid().ToString();
        var subscription = await Stream(key).SubscribeAsync(async (IList<SequentialItem<News>> items) =>
        {
            lock (batches)
                batches.Add([.. items.Select(item => item.Item.Number)]);
            await Gates.Enter(gate);
        }).Soon();
        for (var i = 0; i < 20; i++)
            await Stream(key).OnNextAsync(new News { Number = i }).Soon();
        await Wait.Until(() => Task.FromResult(Count() > 0));
        Gates.Open(gate);
        await Wait.Until(() => Task.FromResult(Count() == 20));
        lock (batches)
            Assert.Equal(Enumerable.Range(0, 20), batches.SelectMany(batch => batch));
        await subscription.UnsubscribeAsync().Soon();

        int Count()
        {
            lock (batches)
                return batches.Sum(batch => batch.Length);
        }
    }

    [Fact]
    public async Task A_subscriber_that_fails_gets_the_later_events()
    {
        var key = Key();
        var heard = new List<int>();
        var failed = false;
        var subscription = await Stream(key).SubscribeAsync((news, _) =>
        {
            if (!failed)
            {
                failed = true;
                throw new InvalidOperationException("The first event fails.");
            }

            lock (heard)
                heard.Add(news.Number);
            return Task.CompletedTask;
        }).Soon();
        for (var i = 0; i < 5; i++)
            await Stream(key).OnNextAsync(new News { Number = i }).Soon();
        await Wait.Until(() =>
        {
            lock (heard)
                return Task.FromResult(heard.Contains(4));
        });
        lock (heard)
            Assert.Equal([1, 2, 3, 4], heard.SkipWhile(number => number == 0));
        await subscription.UnsubscribeAsync().Soon();
    }

    [Fact]
    public async Task A_producer_does_not_wait_for_a_slow_subscriber()
    {
        var key = Key();
        var gate = Guid.NewGuid().ToString();
        var slow = 0;
        await Stream(key).SubscribeAsync(async (_, _) =>
        {
            await Gates.Enter(gate);
            Interlocked.Increment(ref slow);
        }).Soon();
        await shared.NewGrain<IWriterGrain>().Write(key, 0, 100).Soon();
        Assert.Equal(0, slow);
        Gates.Open(gate);
        await Wait.Until(() => Task.FromResult(slow == 100));
        await EndAll(key);
    }

    [Fact]
    public async Task A_grains_subscription_outlives_its_activation()
    {
        var key = Key();
        var reader = shared.Client.GetGrain<IReaderGrain>(key);
        await reader.Subscribe(key).Soon();
        await Stream(key).OnNextAsync(new News { Number = 1 }).Soon();
        await Wait.Until(async () => (await reader.Heard()).Count == 1);
        var ended = shared.Cluster.WaitForDeactivationAsync(reader);
        await reader.End().Soon();
        await ended.Soon();

        // The event activates the grain, which resumes.
        await Stream(key).OnNextAsync(new News { Number = 2 }).Soon();
        await Wait.Until(async () => (await reader.Heard()).Count == 1);
        Assert.Equal([2], await reader.Heard().Soon());
        await reader.Unsubscribe(key).Soon();
    }

    [Fact]
    public async Task Code_beside_a_silo_subscribes_and_produces_too()
    {
        var key = Key();
        var client = shared.Cluster.GetSiloServiceProvider(shared.Cluster.Silos[0].SiloAddress).GetRequiredService<IClusterClient>();
        var collector = new Collector();
        var stream = client.GetStreamProvider(SharedCluster.Streams).GetStream<News>(StreamId.Create("news", key));
        var subscription = await stream.SubscribeAsync(collector).Soon();
        await stream.OnNextAsync(new News { Number = 1 }).Soon();
        await Stream(key).OnNextAsync(new News { Number = 2 }).Soon();
        await Wait.Until(() => Task.FromResult(collector.Count == 2));
        Assert.Equal([1, 2], collector.Numbers);
        await subscription.UnsubscribeAsync().Soon();
    }

    [Fact]
    public async Task A_provider_of_ones_own_is_found_by_its_name()
    {
        var own = new OwnProvider();
        await using var cluster = new InProcessTestClusterBuilder(1)
            .ConfigureSilo((_, silo) => silo.Services.AddKeyedSingleton<IStreamProvider>("own", own))
            .ConfigureClient(client => client.Services.AddKeyedSingleton<IStreamProvider>("own", own))
            .Build();
        await cluster.DeployAsync();
        Assert.Same(own, cluster.Client.GetStreamProvider("own"));
        Assert.True(await cluster.Client.GetGrain<IProviderGrain>("one").Has("own").Soon());
        Assert.False(await cluster.Client.GetGrain<IProviderGrain>("one").Has("other").Soon());
    }

    private sealed class OwnProvider : IStreamProvider
    {
        public string Name => "own";

        public bool IsRewindable => false;

        public IAsyncStream<T> GetStream<T>(StreamId streamId) => throw new NotSupportedException();
    }

    [Fact]
    public void An_unknown_provider_is_an_error() =>
        Assert.Throws<KeyNotFoundException>(() => shared.Client.GetStreamProvider("unknown"));

    private async Task EndAll(string key)
    {
        foreach (var handle in await Stream(key).GetAllSubscriptionHandles().Soon())
            await handle.UnsubscribeAsync().Soon();
    }

    private static string Key() => Guid.NewGuid().ToString("N");

    private sealed class Collector : IAsyncObserver<News>
    {
        private readonly List<News> _items = [];

        public int Count
        {
            get
            {
                lock (_items)
                    return _items.Count;
            }
        }

        public List<News> Items
        {
            get
            {
                lock (_items)
                    return [.. _items];
            }
        }

        public List<int> Numbers => [.. Items.Select(item => item.Number)];

        public Task OnNextAsync(News item, StreamSequenceToken? token = null)
        {
            lock (_items)
                _items.Add(item);
            return Task.CompletedTask;
        }

        public Task OnErrorAsync(Exception ex) => Task.CompletedTask;
    }
}
