using Realtime.PushStreams.Subscriptions;

namespace Realtime.PushStreams.Producing;

/// <summary>Hears from the subscriptions of streams what has changed.</summary>
internal sealed class ProducerObserver(PushStreamProvider provider) : IPushProducer
{
    private Task<IPushProducer>? _reference;

    /// <summary>Made when first needed, and not on a grain's scheduler, where that is forbidden.</summary>
    public Task<IPushProducer> Reference
    {
        get
        {
            var reference = Volatile.Read(ref _reference);
            if (reference is { IsFaulted: false })
                return reference;
            lock (this)
            {
                if (_reference is null or { IsFaulted: true })
                    _reference = Task.Run(() => provider.Grains.CreateObjectReference<IPushProducer>(this));
                return _reference;
            }
        }
    }

    Task IPushProducer.Changed(string subscriptions, PushSubscribers now)
    {
        provider.FindOutput(subscriptions)?.Changed(now);
        return Task.CompletedTask;
    }
}
