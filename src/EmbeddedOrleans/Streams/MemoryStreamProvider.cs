using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using Orleans.Streams;

namespace Orleans.Embedded;

/// <summary>Streams within the process. Events are pushed: nothing polls, and a stream without events costs nothing.</summary>
internal sealed class MemoryStreamProvider(string name, GrainCaller caller, ILoggerFactory logs) : IStreamProvider
{
    private readonly ILogger _log = logs.CreateLogger(typeof(IStreamProvider).FullName!);

    public string Name => name;

    public bool IsRewindable => false;

    public GrainCaller Caller => caller;

    public ILogger Log => _log;

    public IAsyncStream<T> GetStream<T>(StreamId streamId) => new MemoryStream<T>(this, streamId);
}

/// <summary>A stream as one of its producers or subscribers sees it.</summary>
[Immutable]
internal sealed class MemoryStream<T>(MemoryStreamProvider provider, StreamId id) : IAsyncStream<T>
{
    public bool IsRewindable => false;

    public string ProviderName => provider.Name;

    public StreamId StreamId => id;

    public Task OnNextAsync(T item, StreamSequenceToken? token = null) =>
        provider.Caller.Cluster.Streams.Find(provider.Name, id) is { } state ? state.Publish([Copier<T>.Copy(item)]) : Task.CompletedTask;

    public Task OnNextBatchAsync(IEnumerable<T> batch, StreamSequenceToken? token = null)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (provider.Caller.Cluster.Streams.Find(provider.Name, id) is not { } state)
            return Task.CompletedTask;
        var events = batch.ToArray();
        for (var i = 0; !Copier<T>.IsImmutable && i < events.Length; i++)
            events[i] = Copier<T>.Copy(events[i]);
        return events.Length == 0 ? Task.CompletedTask : state.Publish(events);
    }

    // As in Orleans: a producer can neither complete a stream nor send an error on it.
    public Task OnCompletedAsync() => throw new NotImplementedException("A producer cannot complete a stream.");

    public Task OnErrorAsync(Exception ex) => throw new NotImplementedException("A producer cannot send an error on a stream.");

    public Task<StreamSubscriptionHandle<T>> SubscribeAsync(IAsyncObserver<T> observer) => Subscribe(observer);

    public Task<StreamSubscriptionHandle<T>> SubscribeAsync(IAsyncObserver<T> observer, StreamSequenceToken? token, string? filterData = null) => Subscribe(observer);

    public Task<StreamSubscriptionHandle<T>> SubscribeAsync(IAsyncBatchObserver<T> observer) => Subscribe(observer);

    public Task<StreamSubscriptionHandle<T>> SubscribeAsync(IAsyncBatchObserver<T> observer, StreamSequenceToken? token) => Subscribe(observer);

    public Task<IList<StreamSubscriptionHandle<T>>> GetAllSubscriptionHandles()
    {
        var grain = Activation.Running?.GrainId;
        IEnumerable<Subscription> all = provider.Caller.Cluster.Streams.Find(provider.Name, id)?.Subscriptions ?? [];
        IList<StreamSubscriptionHandle<T>> own = [.. all.OfType<Subscription<T>>()
            .Where(subscription => grain is { } asking ? subscription.Client is null && subscription.Grain == asking : subscription.Client == provider.Caller)
            .Select(subscription => new MemoryStreamHandle<T>(provider.Caller.Cluster, subscription))];
        return Task.FromResult(own);
    }

    public bool Equals(IAsyncStream<T>? other) => other is not null && other.ProviderName == ProviderName && other.StreamId == StreamId;

    public override bool Equals(object? obj) => Equals(obj as IAsyncStream<T>);

    public override int GetHashCode() => id.GetHashCode();

    public int CompareTo(IAsyncStream<T>? other) => other is null ? 1 : id.CompareTo(other.StreamId);

    private Task<StreamSubscriptionHandle<T>> Subscribe(object observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        provider.Caller.ThrowIfClosed();
        var subscription = Activation.Running is { } activation
            ? new Subscription<T>(provider.Name, id, activation.GrainId, null, provider.Caller, provider.Log)
            : new Subscription<T>(provider.Name, id, default, provider.Caller, provider.Caller, provider.Log);
        subscription.SetHandler(observer);
        provider.Caller.Cluster.Streams.Subscribe(subscription);
        return Task.FromResult<StreamSubscriptionHandle<T>>(new MemoryStreamHandle<T>(provider.Caller.Cluster, subscription));
    }
}

[Immutable]
internal sealed class MemoryStreamHandle<T>(Cluster cluster, Subscription<T> subscription) : StreamSubscriptionHandle<T>
{
    public override StreamId StreamId => subscription.StreamId;

    public override string ProviderName => subscription.Provider;

    public override Guid HandleId => subscription.Id;

    public override Task UnsubscribeAsync()
    {
        cluster.Streams.Unsubscribe(subscription);
        return Task.CompletedTask;
    }

    public override Task<StreamSubscriptionHandle<T>> ResumeAsync(IAsyncObserver<T> observer, StreamSequenceToken? token = null) => Resume(observer);

    public override Task<StreamSubscriptionHandle<T>> ResumeAsync(IAsyncBatchObserver<T> observer, StreamSequenceToken? token = null) => Resume(observer);

    public override bool Equals(StreamSubscriptionHandle<T>? other) => other is not null && other.HandleId == HandleId;

    public override bool Equals(object? obj) => Equals(obj as StreamSubscriptionHandle<T>);

    public override int GetHashCode() => HandleId.GetHashCode();

    private Task<StreamSubscriptionHandle<T>> Resume(object observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        subscription.SetHandler(observer);
        return Task.FromResult<StreamSubscriptionHandle<T>>(this);
    }
}
