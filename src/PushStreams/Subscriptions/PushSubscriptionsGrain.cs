using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Realtime.PushStreams.Subscriptions;

/// <inheritdoc cref="IPushSubscriptionsGrain"/>
[Reentrant]
internal sealed class PushSubscriptionsGrain(IServiceProvider services, IOptionsMonitor<PushStreamOptions> options) : Grain, IPushSubscriptionsGrain
{
    private readonly TimeProvider _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
    private readonly Guid _activation = Guid.NewGuid();
    private readonly Dictionary<Guid, (PushSubscriber Subscriber, long Since, TimeSpan Timeout)> _subscribers = [];
    private readonly Dictionary<GrainId, IPushProducer> _watchers = [];
    private long _activated;
    private long _version;
    private bool _isComplete;

    private bool IsComplete => _isComplete = _isComplete || _time.GetElapsedTime(_activated) >
        options.Get(StreamKey.ProviderOf(this.GetPrimaryKeyString())).SubscriberTimeout;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _activated = _time.GetTimestamp();
        return Task.CompletedTask;
    }

    public Task Announce(PushSubscriber subscriber, TimeSpan timeout)
    {
        if (subscriber.Id == Guid.Empty || subscriber.Observer.IsDefault)
            throw new ArgumentException("A subscriber needs an id and an observer.", nameof(subscriber));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        var isKnown = _subscribers.TryGetValue(subscriber.Id, out var known);
        _subscribers[subscriber.Id] = (isKnown ? known.Subscriber : subscriber, _time.GetTimestamp(), timeout);
        return isKnown ? Task.CompletedTask : TellWatchers();
    }

    public Task Remove(Guid subscriber) => _subscribers.Remove(subscriber) ? TellWatchers() : Task.CompletedTask;

    public Task<PushSubscribers> Watch(IPushProducer producer)
    {
        ArgumentNullException.ThrowIfNull(producer);
        _watchers[producer.GetGrainId()] = producer;
        Expire();
        return Task.FromResult(Snapshot());
    }

    private void Expire()
    {
        foreach (var (id, (_, since, timeout)) in _subscribers)
        {
            // The others learn it when they ask, which they do while they produce.
            if (_time.GetElapsedTime(since) > timeout && _subscribers.Remove(id))
                _version++;
        }
    }

    private PushSubscribers Snapshot() =>
        new(_activation, _version, IsComplete, [.. _subscribers.Values.Select(entry => entry.Subscriber)]);

    private Task TellWatchers()
    {
        _version++;
        if (_watchers.Count == 0)
            return Task.CompletedTask;
        var now = Snapshot();
        return Task.WhenAll(_watchers.ToArray().Select(watcher => Tell(watcher.Key, watcher.Value, now)));
    }

    private async Task Tell(GrainId id, IPushProducer watcher, PushSubscribers now)
    {
        try
        {
            await watcher.Changed(this.GetPrimaryKeyString(), now);
        }
        catch (Exception)
        {
            // Gone, most often. If it is not, it asks again within a period while it produces, and so is back here.
            _watchers.Remove(id);
        }
    }
}
