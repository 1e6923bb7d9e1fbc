using Realtime.PushStreams.Consuming;
using Realtime.PushStreams.Producing;

namespace Realtime.PushStreams;

/// <summary>
/// A stream, for producers and subscribers. Events must not be changed once they are given to it: within a process they are
/// passed on as they are.
/// </summary>
internal sealed class PushStream<T>(PushStreamProvider provider, StreamId id) : IAsyncStream<T>
{
    private Output<T>? _output;

    public bool IsRewindable => false;

    public string ProviderName => provider.Name;

    public StreamId StreamId => id;

    private Output<T> Output => _output ??= provider.GetOutput<T>(id);

    public Task OnNextAsync(T item, StreamSequenceToken? token = null) => Output.Publish(new ReadOnlySpan<T>(in item));

    public Task OnNextBatchAsync(IEnumerable<T> batch, StreamSequenceToken? token = null)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var events = batch as T[] ?? [.. batch];
        return events.Length == 0 ? Task.CompletedTask : Output.Publish(events);
    }

    // As with every provider of Orleans: a producer can neither complete a stream nor send an error on it.
    public Task OnCompletedAsync() => throw new NotSupportedException("A producer cannot complete a stream.");

    public Task OnErrorAsync(Exception ex) => throw new NotSupportedException("A producer cannot send an error on a stream.");

    public Task<StreamSubscriptionHandle<T>> SubscribeAsync(IAsyncObserver<T> observer) => Subscribe(observer);

    public Task<StreamSubscriptionHandle<T>> SubscribeAsync(IAsyncObserver<T> observer, StreamSequenceToken? token, string? filterData = null) => Subscribe(observer);

    public Task<StreamSubscriptionHandle<T>> SubscribeAsync(IAsyncBatchObserver<T> observer) => Subscribe(observer);

    public Task<StreamSubscriptionHandle<T>> SubscribeAsync(IAsyncBatchObserver<T> observer, StreamSequenceToken? token) => Subscribe(observer);

    public Task<IList<StreamSubscriptionHandle<T>>> GetAllSubscriptionHandles()
    {
        IList<StreamSubscriptionHandle<T>> handles = [.. provider.Subscriptions.OfType<PushSubscription<T>>().Where(own => own.StreamId == id)];
        return Task.FromResult(handles);
    }

    public bool Equals(IAsyncStream<T>? other) => other is not null && other.ProviderName == ProviderName && other.StreamId == StreamId;

    public override bool Equals(object? obj) => Equals(obj as IAsyncStream<T>);

    public override int GetHashCode() => id.GetHashCode();

    public int CompareTo(IAsyncStream<T>? other) => other is null ? 1 : id.CompareTo(other.StreamId);

    private async Task<StreamSubscriptionHandle<T>> Subscribe(object observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        return await PushSubscription<T>.Start(provider, id, observer);
    }
}
