using Orleans.Providers.Streams.Common;
using Realtime.PushStreams.Subscriptions;

namespace Realtime.PushStreams.Consuming;

/// <summary>
/// The subscriber's end: leaves out what it has had, tells of gaps, and gives each call's events to the observer as one
/// batch, one call after the other.
/// </summary>
internal sealed partial class Receiver<T>(PushStreamProvider provider, StreamId stream, object observer) : IPushObserver<T>
{
    // A sender is new with each start of a producer's process. If so many have followed it, it is long gone.
    private const int MostSenders = 1024;

    private readonly SemaphoreSlim _turn = new(1); // producers of this process come besides calls from outside
    private readonly Dictionary<Guid, (long Next, long Use)> _senders = [];
    private long _calls;

    /// <summary>An <see cref="IAsyncObserver{T}"/> or an <see cref="IAsyncBatchObserver{T}"/>; null when unsubscribed.</summary>
    public volatile object? Observer = observer;

    Task IPushObserver<T>.Push(Guid sender, long first, T[] events) => Receive(sender, new EventBatch<T>(first, events)).AsTask();

    /// <summary>As <see cref="IPushObserver{T}.Push"/>, for producers of this process.</summary>
    public async ValueTask Receive(Guid sender, EventBatch<T> batch)
    {
        await _turn.WaitAsync();
        try
        {
            if (Observer is not { } observer)
                return;
            var next = _senders.TryGetValue(sender, out var known) ? known.Next : 1;
            if (batch.End <= next)
                return; // a repeat
            if (_senders.Count == MostSenders && known.Next == 0)
                _senders.Remove(_senders.MinBy(entry => entry.Value.Use).Key);
            _senders[sender] = (batch.End, ++_calls);
            if (batch.First > next)
                await Report(observer, new PushGapException(stream, batch.First - next));
            if (batch.First < next)
                batch = batch.From(next);
            if (batch.Count == 0)
                return;
            batch.Token = _calls;
            if (Observer is IAsyncBatchObserver<T> batches)
                await DeliverBatch(batches, batch);
            else
                await DeliverEach(batch);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask DeliverBatch(IAsyncBatchObserver<T> observer, EventBatch<T> batch)
    {
        try
        {
            await observer.OnNextAsync(batch);
        }
        catch (Exception exception)
        {
            await Report(observer, exception);
        }
    }

    /// <summary>Whoever observes may change on the way: then the rest is the new one's.</summary>
    private async ValueTask DeliverEach(EventBatch<T> batch)
    {
        for (var at = 0; at < batch.Count; at++)
        {
            switch (Observer)
            {
                case null:
                    return;
                case IAsyncBatchObserver<T> batches:
                    var rest = batch.From(batch.First + at);
                    rest.Token = ++_calls;
                    await DeliverBatch(batches, rest);
                    return;
                case IAsyncObserver<T> observer:
                    await DeliverOne(observer, batch, at);
                    break;
            }
        }
    }

    private async ValueTask DeliverOne(IAsyncObserver<T> observer, EventBatch<T> batch, int at)
    {
        try
        {
            await observer.OnNextAsync(batch.Events[at], new EventSequenceTokenV2(batch.Token, at));
        }
        catch (Exception exception)
        {
            // It costs the observer this event and no other.
            await Report(observer, exception);
        }
    }

    private async Task Report(object observer, Exception exception)
    {
        try
        {
            await (observer is IAsyncBatchObserver<T> batches ? batches.OnErrorAsync(exception) : ((IAsyncObserver<T>)observer).OnErrorAsync(exception));
        }
        catch (Exception second)
        {
            LogErrorInError(provider.Log, stream, second);
        }
    }

    [LoggerMessage(1, LogLevel.Error, "A subscriber of stream {Stream} failed in OnErrorAsync.")]
    private static partial void LogErrorInError(ILogger log, StreamId stream, Exception exception);
}
