using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Orleans.Providers.Streams.Common;
using Orleans.Runtime;
using Orleans.Streams;

namespace Orleans.Embedded;

/// <summary>A subscription of a grain, or of a client, to a stream.</summary>
internal abstract class Subscription(string provider, StreamId streamId, GrainId grain, GrainCaller? client)
{
    public Guid Id { get; } = Guid.NewGuid();

    public string Provider => provider;

    public StreamId StreamId => streamId;

    /// <summary>The subscriber, unless it is a client.</summary>
    public GrainId Grain => grain;

    /// <summary>The subscriber, if it is a client: code outside of grains.</summary>
    public GrainCaller? Client => client;

    /// <summary>Events of another type than was subscribed to.</summary>
    public abstract Task EnqueueOther(System.Collections.IEnumerable events, long number);

    /// <summary>Drops what is queued.</summary>
    public abstract void Close();
}

/// <summary>
/// The queue of a subscription and its delivery. What queues up while the observer is busy is its next batch. A grain gets a
/// batch as a call, on a turn of its own; a client on the thread pool. Either way no consumer runs on a producer's turn.
/// </summary>
internal sealed class Subscription<T>(string provider, StreamId streamId, GrainId grain, GrainCaller? client, GrainCaller home, ILogger log)
    : Subscription(provider, streamId, grain, client), IThreadPoolWorkItem
{
    // A producer waits while a subscriber is so many events behind: enough that bursts pass, and a bound for memory.
    private const int MostQueued = 10_000;

    private List<Event> _queue = [];
    private object? _clientHandler;
    private TaskCompletionSource? _room;
    private int _delivering;
    private bool _isDelivering;
    private bool _closed;

    /// <summary>Sets who gets the events: an observer of either kind. On a turn of the grain, if it is one's.</summary>
    public void SetHandler(object observer)
    {
        if (Client is not null)
        {
            Volatile.Write(ref _clientHandler, observer);
            return;
        }

        var activation = Activation.Running is { } current && current.GrainId == Grain
            ? current
            : throw new InvalidOperationException($"The subscription is {Grain}'s: only that grain can give it an observer.");
        lock (activation)
            (activation.Extras.StreamHandlers ??= [])[Id] = observer;
    }

    public Task Enqueue(T[] events, long number)
    {
        lock (this)
        {
            if (_closed)
                return Task.CompletedTask;
            for (var i = 0; i < events.Length; i++)
                _queue.Add(new Event(events[i], new EventSequenceTokenV2(number, i)));
            if (!_isDelivering && _queue.Count > 0)
            {
                _isDelivering = true;
                Start();
            }

            if (_queue.Count + _delivering < MostQueued)
                return Task.CompletedTask;
            return (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    public override Task EnqueueOther(System.Collections.IEnumerable events, long number)
    {
        var fitting = events.OfType<T>().ToArray();
        return fitting.Length == 0 ? Task.CompletedTask : Enqueue(fitting, number);
    }

    public override void Close()
    {
        lock (this)
        {
            _closed = true;
            _queue.Clear();
            _room?.TrySetResult();
        }
    }

    void IThreadPoolWorkItem.Execute() => _ = DeliverToClientAsync();

    private void Start()
    {
        if (Client is not null)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        else
            home.Cluster.Forward(new Delivery(this), Grain, home);
    }

    private async Task DeliverToClientAsync()
    {
        while (Take() is { } batch)
        {
            if (Volatile.Read(ref _clientHandler) is { } handler)
                await DeliverAsync(handler, batch).ConfigureAwait(false);
        }
    }

    /// <summary>What has queued up; null, and the delivery has ended, if nothing has.</summary>
    private List<Event>? Take()
    {
        lock (this)
        {
            var batch = _queue;
            _delivering = batch.Count;
            if (batch.Count < MostQueued)
            {
                _room?.TrySetResult();
                _room = null;
            }

            if (batch.Count == 0)
            {
                _isDelivering = false;
                return null;
            }

            _queue = [];
            return batch;
        }
    }

    /// <summary>An error of the observer costs it that event, or batch, and no other.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "What the observer throws is given to the observer.")]
    private async Task DeliverAsync(object handler, List<Event> batch)
    {
        if (handler is IAsyncBatchObserver<T> batchObserver)
        {
            try
            {
                var items = new SequentialItem<T>[batch.Count];
                for (var i = 0; i < items.Length; i++)
                    items[i] = new SequentialItem<T>(Copier<T>.Copy(batch[i].Item), batch[i].Token);
                await batchObserver.OnNextAsync(items);
            }
            catch (Exception error)
            {
                await ReportAsync(batchObserver.OnErrorAsync, error);
            }

            return;
        }

        var observer = (IAsyncObserver<T>)handler;
        foreach (var item in batch)
        {
            try
            {
                await observer.OnNextAsync(Copier<T>.Copy(item.Item), item.Token);
            }
            catch (Exception error)
            {
                await ReportAsync(observer.OnErrorAsync, error);
            }
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "An error in the handler of errors is logged.")]
    private async Task ReportAsync(Func<Exception, Task> report, Exception error)
    {
        log.LogWarning(error, "A subscriber of stream {Stream} failed.", StreamId);
        try
        {
            await report(error);
        }
        catch (Exception second)
        {
            log.LogError(second, "A subscriber of stream {Stream} failed in OnErrorAsync.", StreamId);
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Event(T Item, StreamSequenceToken Token);

    /// <summary>A batch as a call of the subscribed grain.</summary>
    private sealed class Delivery(Subscription<T> subscription) : Call
    {
        public override Task? Begin(object instance)
        {
            if (subscription.Take() is not { } batch)
                return null;
            object? handler;
            lock (Target!)
                handler = Target.ExtrasIfAny?.StreamHandlers?.GetValueOrDefault(subscription.Id);
            if (handler is null)
            {
                // The grain was activated anew and did not resume: as in Orleans, nobody gets these events.
                Target.Silo.Log.LogWarning("{Grain} has no observer for its subscription to stream {Stream}: {Count} events are lost.", subscription.Grain, subscription.StreamId, batch.Count);
                Again();
                return null;
            }

            var delivering = subscription.DeliverAsync(handler, batch);
            if (!delivering.IsCompleted)
                return delivering;
            Again();
            return null;
        }

        public override void End(Task task) => Again();

        public override void Reject(Exception error)
        {
            if (subscription.Take() is { } lost)
                subscription.Lose(lost.Count, error);
        }

        private void Again()
        {
            if (subscription.HasMore())
                subscription.Start();
        }
    }

    /// <summary>False, and the delivery has ended, if nothing is queued.</summary>
    private bool HasMore()
    {
        lock (this)
        {
            _delivering = 0;
            if (_queue.Count > 0)
                return true;
            _isDelivering = false;
            _room?.TrySetResult();
            _room = null;
            return false;
        }
    }

    private void Lose(int count, Exception error)
    {
        log.LogError(error, "{Grain} cannot take events of stream {Stream}: {Count} are lost.", Grain, StreamId, count);
        if (HasMore())
            Start();
    }
}
