namespace Realtime.EmbeddedOrleans.Tests.EmbeddedOnly;

/// <summary>How the streams of this engine queue: Orleans' own poll, with other bounds.</summary>
public sealed class StreamQueueTests(SharedCluster shared)
{
    [Fact]
    public async Task What_queues_up_while_an_observer_is_busy_is_its_next_batch()
    {
        Engine.SkipUnlessEmbedded("Orleans' batches are as large as its options say.");
        var stream = NewStream();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var sizes = new List<int>();
        var subscription = await stream.SubscribeAsync(async (IList<SequentialItem<int>> items) =>
        {
            lock (sizes)
                sizes.Add(items.Count);
            first.TrySetResult();
            await gate.Task;
        });
        await stream.OnNextAsync(0);
        await first.Task.Soon();
        for (var i = 1; i < 100; i++)
            await stream.OnNextAsync(i).Soon();
        gate.SetResult();
        await Wait.Until(() => Task.FromResult(Sum() == 100));
        Assert.Equal([1, 99], sizes);
        await subscription.UnsubscribeAsync();

        int Sum()
        {
            lock (sizes)
                return sizes.Sum();
        }
    }

    [Fact]
    public async Task A_producer_waits_when_a_subscriber_is_far_behind()
    {
        Engine.SkipUnlessEmbedded("Orleans bounds its cache, not a subscriber's queue.");
        var stream = NewStream();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var count = 0;
        var subscription = await stream.SubscribeAsync(async (_, _) =>
        {
            await gate.Task;
            Interlocked.Increment(ref count);
        });
        for (var i = 0; i < 9_999; i++)
        {
            var sent = stream.OnNextAsync(i);
            Assert.True(sent.IsCompletedSuccessfully);
        }

        var waiting = stream.OnNextBatchAsync([1, 2, 3]);
        Assert.False(waiting.IsCompleted);
        gate.SetResult();
        await waiting.Soon();
        await Wait.Until(() => Task.FromResult(count == 10_002));
        await subscription.UnsubscribeAsync();
    }

    [Fact]
    public async Task A_producer_does_not_wait_for_one_that_unsubscribes()
    {
        Engine.SkipUnlessEmbedded("Orleans bounds its cache, not a subscriber's queue.");
        var stream = NewStream();
        var subscription = await stream.SubscribeAsync((_, _) => new TaskCompletionSource().Task);
        var waiting = stream.OnNextBatchAsync(Enumerable.Range(0, 20_000));
        Assert.False(waiting.IsCompleted);
        await subscription.UnsubscribeAsync();
        await waiting.Soon();
    }

    private IAsyncStream<int> NewStream() => shared.Client.GetStreamProvider(SharedCluster.Streams).GetStream<int>(StreamId.Create("queue", Guid.NewGuid()));
}
