namespace Realtime.PushStreams.Tests;

/// <summary>A subscriber that does not keep up.</summary>
public sealed class BackPressureTests(SharedCluster shared)
{
    private readonly StreamId _id = PushCluster.NewStream();

    private InProcessTestCluster Cluster => shared.Cluster;

    [Fact]
    public async Task A_producer_waits_for_place_and_then_events_are_dropped_and_the_gap_is_told_in_its_place()
    {
        var stream = Cluster.Silos[0].Stream(_id, PushCluster.Small);
        var subscriber = await Held(PushCluster.Small, stream);
        for (var i = 1; i <= 10; i++)
            Assert.True(stream.OnNextAsync(new Item("", i)).IsCompletedSuccessfully);
        var waits = stream.OnNextAsync(new Item("", 11));
        var waitsToo = stream.OnNextBatchAsync([new("", 12), new("", 13)]);
        Assert.False(waits.IsCompleted);
        Assert.False(waitsToo.IsCompleted);
        await Task.WhenAll(waits, waitsToo).Soon();
        // Whoever comes now does not wait any more.
        Assert.True(stream.OnNextAsync(new Item("", 14)).IsCompletedSuccessfully);
        subscriber.Release();
        await subscriber.Has(12);
        await stream.OnNextAsync(new Item("", 15)).Soon();
        var log = await subscriber.Has(13);
        Assert.Equal([.. Enumerable.Range(0, 11), 15], subscriber.Numbers);
        var gap = Assert.IsType<PushGapException>(log[11]);
        Assert.Equal((4, _id), (gap.Dropped, gap.Stream));
        Assert.Contains("4 events", gap.Message);
    }

    [Fact]
    public async Task Who_listens_to_measurements_and_fails_harms_neither_the_process_nor_the_stream()
    {
        var stream = Cluster.Silos[0].Stream(_id, PushCluster.Small);
        var subscriber = await Held(PushCluster.Small, stream);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (var listener = new System.Diagnostics.Metrics.MeterListener())
        {
            listener.InstrumentPublished = (instrument, own) =>
            {
                if (instrument.Name == "realtime.push.drops")
                    own.EnableMeasurementEvents(instrument);
            };
            listener.SetMeasurementEventCallback<long>((_, _, _, _) =>
            {
                asked.TrySetResult();
                throw new InvalidOperationException("a listener that fails");
            });
            listener.Start();
            // Dropped by a timer, on a thread of the pool.
            await stream.OnNextBatchAsync(Enumerable.Range(1, 10).Select(i => new Item("", i))).Soon();
            await stream.OnNextAsync(new Item("", 11)).Soon();
            // The producer is let go before the drop is counted.
            await asked.Task.Soon();
        }
        subscriber.Release();
        var log = await subscriber.Has(12);
        Assert.Equal(1, Assert.IsType<PushGapException>(log[11]).Dropped);
        await stream.OnNextAsync(new Item("", 12)).Soon();
        await subscriber.Has(13);
    }

    [Fact]
    public async Task Events_that_tell_their_size_wait_and_go_bounded_in_bytes_too()
    {
        var provider = PushStreamProvider.Of(Cluster.Silos[0].ServiceProvider, PushCluster.Default);
        provider.Options.MaxPendingBytes = 1000;
        provider.Options.SizeOf = (Sized item) => item.Size; // no other events of these tests tell their size
        using var pending = new Producing.PendingEvents<Sized>(provider);
        Assert.True(pending.Add([new Sized(600)]).IsCompletedSuccessfully);
        Assert.True(pending.Add([new Sized(600)]).IsCompletedSuccessfully); // below the bound it is taken whole
        var waits = pending.Add([new Sized(700_000)]);
        Assert.False(waits.IsCompleted);
        Assert.True(pending.TryTake(out var batch));
        Assert.Equal(2, batch.Count);
        await waits.Soon();

        provider.Options.MaxPendingBytes = 10 << 20;
        Assert.True(pending.Add([new Sized(700_000), new Sized(1), new Sized(1)]).IsCompletedSuccessfully);
        Assert.True(pending.TryTake(out batch));
        Assert.Equal((1, 700_000), (batch.Count, batch.Bytes));
        Assert.True(pending.TryTake(out batch));
        Assert.Equal((3, 700_002), (batch.Count, batch.Bytes));

        // A batch is cut where a call's bytes or number of events end.
        Assert.True(pending.Add([.. Enumerable.Range(0, 600).Select(_ => new Sized(3000))]).IsCompletedSuccessfully);
        var cut = new List<(int, long)>();
        while (pending.TryTake(out batch))
            cut.Add((batch.Count, batch.Bytes));
        Assert.Equal([(256, 768_000), (256, 768_000), (88, 264_000)], cut);
        Assert.True(pending.Add([.. Enumerable.Range(0, 6).Select(_ => new Sized(300_000))]).IsCompletedSuccessfully);
        cut.Clear();
        while (pending.TryTake(out batch))
            cut.Add((batch.Count, batch.Bytes));
        Assert.Equal([(3, 900_000), (3, 900_000)], cut);
    }

    [Fact]
    public async Task A_gap_is_told_even_if_nothing_follows_it()
    {
        var stream = Cluster.Silos[0].Stream(_id, PushCluster.Small);
        var subscriber = await Held(PushCluster.Small, stream);
        await stream.OnNextBatchAsync(Enumerable.Range(1, 10).Select(i => new Item("", i))).Soon();
        await stream.OnNextAsync(new Item("", 11)).Soon();
        subscriber.Release();
        var log = await subscriber.Has(12);
        Assert.Equal(1, Assert.IsType<PushGapException>(log[11]).Dropped);
    }

    [Fact]
    public async Task A_producer_that_waits_goes_on_when_there_is_place_and_nothing_is_lost()
    {
        var stream = Cluster.Silos[0].Stream(_id, PushCluster.Patient);
        var subscriber = await Held(PushCluster.Patient, stream);
        var producing = Task.Run(async () =>
        {
            for (var i = 1; i <= 200; i++)
                await stream.OnNextAsync(new Item("", i));
        });
        var second = Task.Run(() => stream.OnNextBatchAsync(Enumerable.Range(1, 100).Select(i => new Item("second", i))));
        using var readings = new Readings(PushCluster.Patient);
        await Wait.Until(() => readings["retries"] > 0);
        Assert.False(producing.IsCompleted);
        subscriber.Release();
        await Task.WhenAll(producing, second).Soon();
        await subscriber.Has(301);
        Assert.Equal(Enumerable.Range(0, 201), subscriber.Items.Where(item => item.Producer == "").Select(item => item.Number));
        Assert.Equal(Enumerable.Range(1, 100), subscriber.Items.Where(item => item.Producer == "second").Select(item => item.Number));
        Assert.Empty(subscriber.Errors);
    }

    [Fact]
    public async Task A_slow_subscriber_delays_neither_another_of_its_stream_nor_another_stream()
    {
        var stream = Cluster.Silos[0].Stream(_id, PushCluster.Patient);
        var slow = await Held(PushCluster.Patient, stream);
        var quick = new OneByOne();
        await Cluster.Stream(_id, PushCluster.Patient).SubscribeAsync(quick).Soon();
        var waits = stream.OnNextBatchAsync(Enumerable.Range(1, 11).Select(i => new Item("", i)));
        Assert.True(waits.IsCompletedSuccessfully);
        waits = stream.OnNextAsync(new Item("", 12));
        Assert.False(waits.IsCompleted);
        await quick.Has(12);

        var (otherId, other) = (PushCluster.NewStream(), new OneByOne());
        await Cluster.Stream(otherId, PushCluster.Patient).SubscribeAsync(other).Soon();
        await Cluster.Silos[0].Stream(otherId, PushCluster.Patient).OnNextAsync(new Item("", 1)).Soon();
        await other.Has(1);
        Assert.False(waits.IsCompleted);
        slow.Release();
        await waits.Soon();
        await slow.Has(13);
    }

    /// <summary>A subscriber that has been called with event 0 and holds that call.</summary>
    private async Task<OneByOne> Held(string provider, IAsyncStream<Item> producer)
    {
        var subscriber = new OneByOne();
        subscriber.Hold();
        await Cluster.Stream(_id, provider).SubscribeAsync(subscriber).Soon();
        await producer.OnNextAsync(new Item("", 0)).Soon();
        await subscriber.Calls.Reader.ReadAsync().AsTask().Soon();
        return subscriber;
    }

    private sealed record Sized(int Size);
}
