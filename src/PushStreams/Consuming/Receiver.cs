using Orleans.Providers.Streams.Common;
using Realtime.PushStreams.Subscriptions;

namespace Realtime.PushStreams.Consuming;

/// <summary>
/// The subscriber's end: leaves out what it has had, tells of gaps, and gives each call's events to the observer as one
/// batch. The engine calls it one call after the other.
/// </summary>
internal sealed partial class Receiver<T>(PushStreamProvider provider, StreamId stream, object observer) : IPushObserver<T>
{
    // An outbox is new with each start of a producer's process. If so many have followed it, it is long gone.
    private const int MostOutboxes = 1024;

    private readonly Dictionary<Guid, (long Next, long Use)> _outboxes = [];
    private long _calls;

    /// <summary>An <see cref="IAsyncObserver{T}"/> or an <see cref="IAsyncBatchObserver{T}"/>; null when unsubscribed.</summary>
    public volatile object? Observer = observer;

    async Task IPushObserver<T>.Push(Guid outbox, long first, T[] events)
    {
        if (Observer is not { } observer)
            return;
        var next = _outboxes.TryGetValue(outbox, out var known) ? known.Next : 1;
        var end = first + events.Length;
        if (end <= next)
            return; // a repeat
        if (_outboxes.Count == MostOutboxes && known.Next == 0)
            _outboxes.Remove(_outboxes.MinBy(entry => entry.Value.Use).Key);
        _outboxes[outbox] = (end, ++_calls);
        if (first > next)
            await Report(observer, new PushGapException(stream, first - next));
        if (first < next)
            events = events[(int)(next - first)..];
        if (events.Length == 0)
            return;
        for (var given = 0; given < events.Length && Observer is { } now;)
        {
            if (now is IAsyncBatchObserver<T> batches)
                given += await GiveBatch(batches, events, given);
            else
                given += await GiveOne((IAsyncObserver<T>)now, events, given);
        }
    }

    private async ValueTask<int> GiveBatch(IAsyncBatchObserver<T> observer, T[] events, int from)
    {
        var items = new SequentialItem<T>[events.Length - from];
        for (var i = 0; i < items.Length; i++)
            items[i] = new SequentialItem<T>(events[from + i], new EventSequenceTokenV2(_calls, from + i));
        try
        {
            await observer.OnNextAsync(items);
        }
        catch (Exception exception)
        {
            await Report(observer, exception);
        }
        return items.Length;
    }

    private async ValueTask<int> GiveOne(IAsyncObserver<T> observer, T[] events, int at)
    {
        try
        {
            await observer.OnNextAsync(events[at], new EventSequenceTokenV2(_calls, at));
        }
        catch (Exception exception)
        {
            // It costs the observer this event and no other.
            await Report(observer, exception);
        }
        return 1;
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
