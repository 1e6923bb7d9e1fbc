using Realtime.PushStreams.Subscriptions;

namespace Realtime.PushStreams.Consuming;

/// <summary>What a provider knows of its subscriptions.</summary>
internal interface IPushSubscription
{
    Guid Id { get; }

    void Stop();

    Task UnsubscribeAsync();
}

/// <summary>A subscription of this process, which it repeats until it ends.</summary>
internal sealed partial class PushSubscription<T> : StreamSubscriptionHandle<T>, IPushSubscription
{
    // So long a stream's silo may take to be replaced, and more.
    private static readonly TimeSpan s_callTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromMilliseconds(500);

    private readonly PushStreamProvider _provider;
    private readonly Receiver<T> _receiver; // the reference holds it weakly
    private readonly IPushObserver<T> _reference;
    private readonly IPushSubscriptionsGrain _subscriptions;
    private readonly PushSubscriber _subscriber;
    private readonly CancellationTokenSource _ended = new();
    private Task _announcing = Task.CompletedTask;

    private PushSubscription(PushStreamProvider provider, StreamId stream, object observer)
    {
        (_provider, StreamId) = (provider, stream);
        _receiver = new Receiver<T>(provider, stream, observer);
        try
        {
            _reference = provider.Grains.CreateObjectReference<IPushObserver<T>>(_receiver);
        }
        catch (InvalidOperationException exception)
        {
            throw new NotSupportedException(
                "Push streams are for subscribers outside of grains: a client, or a service of a silo's process. Subscribe there, or give this stream another provider.", exception);
        }
        _subscriptions = provider.Grains.GetGrain<IPushSubscriptionsGrain>(StreamKey.Of<T>(provider.Name, stream));
        _subscriber = new PushSubscriber(Guid.NewGuid(), _reference.GetGrainId(), IsNew: true);
        provider.Add(Id, _receiver);
    }

    public override StreamId StreamId { get; }

    public override string ProviderName => _provider.Name;

    public override Guid HandleId => _subscriber.Id;

    public Guid Id => _subscriber.Id;

    /// <exception cref="TimeoutException">The cluster did not take the subscription.</exception>
    /// <exception cref="NotSupportedException">Called by a grain.</exception>
    public static async Task<PushSubscription<T>> Start(PushStreamProvider provider, StreamId stream, object observer)
    {
        var subscription = new PushSubscription<T>(provider, stream, observer);
        try
        {
            await subscription.Retry(() => subscription.Announce(subscription._subscriber), "subscribe to");
        }
        catch
        {
            subscription.Release();
            throw;
        }
        provider.Add(subscription);
        subscription._announcing = Task.Run(subscription.KeepAnnouncing);
        return subscription;
    }

    /// <exception cref="TimeoutException">
    /// The cluster did not answer. Nothing is delivered any more all the same, and the subscription expires.
    /// </exception>
    public override async Task UnsubscribeAsync()
    {
        if (_ended.IsCancellationRequested)
            return;
        Stop();
        await _announcing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            await Retry(() => _subscriptions.Remove(Id), "unsubscribe from");
        }
        finally
        {
            Release();
        }
    }

    public override Task<StreamSubscriptionHandle<T>> ResumeAsync(IAsyncObserver<T> observer, StreamSequenceToken? token = null) => Resume(observer);

    public override Task<StreamSubscriptionHandle<T>> ResumeAsync(IAsyncBatchObserver<T> observer, StreamSequenceToken? token = null) => Resume(observer);

    public override bool Equals(StreamSubscriptionHandle<T>? other) => other is not null && other.HandleId == HandleId;

    public override bool Equals(object? obj) => Equals(obj as StreamSubscriptionHandle<T>);

    public override int GetHashCode() => HandleId.GetHashCode();

    public void Stop()
    {
        _receiver.Observer = null;
        _provider.Remove(this);
        _ended.Cancel();
    }

    private Task<StreamSubscriptionHandle<T>> Resume(object observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        if (_ended.IsCancellationRequested)
            throw new InvalidOperationException($"The subscription to stream {StreamId} has ended: subscribe anew.");
        _receiver.Observer = observer;
        return Task.FromResult<StreamSubscriptionHandle<T>>(this);
    }

    private Task Announce(PushSubscriber subscriber)
    {
        PushMetrics.Announcements.Add(1, _provider.Tag);
        return _subscriptions.Announce(subscriber, _provider.Options.SubscriberTimeout);
    }

    private async Task KeepAnnouncing()
    {
        while (!_ended.IsCancellationRequested)
        {
            try
            {
                // Random each time: the death of the grain's silo makes all who repeat themselves there wait for the same moment.
                var pause = _provider.Options.AnnouncePeriod * 0.75 + Backoff.Part(_provider.Options.AnnouncePeriod * 0.25);
                await Task.Delay(pause, _provider.Time, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (_ended.IsCancellationRequested)
                    return;
                await Announce(_subscriber with { IsNew = false });
            }
            catch (Exception exception)
            {
                SafeLog.Write(() => LogNotAnnounced(_provider.Log, StreamId, exception.GetType().Name));
            }
        }
    }

    private async Task Retry(Func<Task> call, string what)
    {
        var began = _provider.Time.GetTimestamp();
        var backoff = new Backoff(s_firstDelay, s_longestDelay);
        while (true)
        {
            try
            {
                await call();
                return;
            }
            catch (Exception exception) when (exception is OrleansException or TimeoutException or OperationCanceledException)
            {
                if (_provider.Time.GetElapsedTime(began) > s_callTimeout)
                    throw new TimeoutException($"Could not {what} stream {StreamId} within {s_callTimeout}.", exception);
                await Task.Delay(backoff.Next(), _provider.Time);
            }
        }
    }

    private void Release()
    {
        _provider.RemoveReceiver(Id);
        _provider.Grains.DeleteObjectReference<IPushObserver<T>>(_reference);
    }

    [LoggerMessage(1, LogLevel.Debug, "The subscription to stream {Stream} could not be repeated: {Error}.")]
    private static partial void LogNotAnnounced(ILogger log, StreamId stream, string error);
}
