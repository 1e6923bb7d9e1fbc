using System.Collections.Concurrent;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>The streams of a cluster that have subscriptions, with those.</summary>
internal sealed class StreamTable
{
    private readonly ConcurrentDictionary<(string Provider, StreamId Stream), StreamState> _streams = new();

    public StreamState? Find(string provider, StreamId id) => _streams.GetValueOrDefault((provider, id));

    public void Subscribe(Subscription subscription)
    {
        var key = (subscription.Provider, subscription.StreamId);
        while (!_streams.GetOrAdd(key, static _ => new StreamState()).TryAdd(subscription))
        {
            // The last subscription of that state went just now, and the state with it.
        }
    }

    public void Unsubscribe(Subscription subscription)
    {
        var key = (subscription.Provider, subscription.StreamId);
        if (_streams.TryGetValue(key, out var state) && state.Remove(subscription))
            _streams.TryRemove(new(key, state));
    }

    /// <summary>A client has gone, and its subscriptions with it.</summary>
    public void RemoveOwnedBy(GrainCaller client)
    {
        foreach (var subscription in _streams.Values.SelectMany(state => state.Subscriptions).Where(subscription => subscription.Client == client))
            Unsubscribe(subscription);
    }
}

/// <summary>One stream: its subscriptions and the number of its last batch.</summary>
internal sealed class StreamState
{
    private Subscription[] _subscriptions = [];
    private bool _removed;
    private long _lastNumber;

    public Subscription[] Subscriptions => Volatile.Read(ref _subscriptions);

    public bool TryAdd(Subscription subscription)
    {
        lock (this)
        {
            if (_removed)
                return false;
            _subscriptions = [.. _subscriptions, subscription];
            return true;
        }
    }

    /// <summary>True if it was the last.</summary>
    public bool Remove(Subscription subscription)
    {
        lock (this)
        {
            _subscriptions = [.. _subscriptions.Where(other => other != subscription)];
            _removed = _subscriptions.Length == 0;
        }

        subscription.Close();
        return _removed;
    }

    /// <summary>Queues events with every subscription. The lock makes the order the same for all.</summary>
    /// <returns>A task that completes when no subscription is too far behind.</returns>
    public Task Publish<T>(T[] events)
    {
        List<Task>? behind = null;
        lock (this)
        {
            var number = ++_lastNumber;
            foreach (var subscription in _subscriptions)
            {
                var room = subscription is Subscription<T> same ? same.Enqueue(events, number) : subscription.EnqueueOther(events, number);
                if (!room.IsCompleted)
                    (behind ??= []).Add(room);
            }
        }

        return behind is null ? Task.CompletedTask : Task.WhenAll(behind);
    }
}
