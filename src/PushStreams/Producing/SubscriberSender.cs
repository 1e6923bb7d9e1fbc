using System.Diagnostics;
using Orleans.Serialization;
using Realtime.PushStreams.Consuming;
using Realtime.PushStreams.Subscriptions;
using Realtime.Settings;

namespace Realtime.PushStreams.Producing;

/// <summary>
/// What one process has for one subscriber: events that wait, and one awaited call at a time, with everything that waited
/// when it began. So the order is kept, the subscriber sets the pace, and the busier it is the larger the batches.
/// </summary>
internal sealed partial class SubscriberSender<T>(Output<T> output, PushSubscriber subscriber) : IThreadPoolWorkItem
{
    // The first retry is soon, for a call that met a closing connection; the last ones are as far apart as the call's time-out.
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromSeconds(1);

    // Three calls without an answer: a slow subscriber has answered by then, and one that was killed does not hold up a stop,
    // in which producers wait for every delivery.
    private static readonly TimeSpan s_unresponsive = TimeSpan.FromSeconds(3);

    private readonly Guid _id = Guid.NewGuid();
    private readonly IPushObserver<T> _observer = output.Provider.Grains.GetGrain<IPushObserver<T>>(subscriber.Observer);
    private readonly PendingEvents<T> _pending = new(output.Provider);
    private long _closedAt;
    private volatile bool _isClosed;
    private volatile bool _isUnresponsive; // no call has been answered for s_unresponsive
    private volatile bool _hasMissed; // the last call was not answered

    public PushSubscriber Subscriber => subscriber;

    /// <summary>Completes when all that was added before has been delivered or dropped, or its subscriber is unresponsive.</summary>
    public async Task Idle()
    {
        while (!output.Provider.HasEnded && !_isUnresponsive)
        {
            if (await _pending.Idle)
                return;
        }
    }

    /// <summary>
    /// As <see cref="Idle"/>, for a producer: while the stop itself waits for this subscriber, only until that has missed a call.
    /// </summary>
    public async Task Handled()
    {
        while (!output.Provider.HasEnded && !_isUnresponsive && !(output.Provider.StopWaits && _hasMissed))
        {
            if (await _pending.Idle)
                return;
        }
    }

    public int Pending => _pending.Count;

    public Task Add(ReadOnlySpan<T> events)
    {
        var added = _pending.Add(events);
        Wake();
        return added;
    }

    public void Add(PendingEvents<T> events)
    {
        _pending.Add(events);
        Wake();
    }

    /// <summary>It is new here, but its subscriber has been there for all events of this process.</summary>
    public void HasMissed(long events)
    {
        _pending.Open(events);
        Wake();
    }

    /// <summary>The subscriber is gone: nothing is sent to it until <see cref="Open"/>.</summary>
    /// <param name="at">How many events the stream has had.</param>
    public void Close(long at)
    {
        if (_isClosed)
            return;
        _isClosed = true;
        _closedAt = at;
        var dropped = _pending.Close();
        if (dropped > 0)
        {
            PushMetrics.Drops.Add(dropped, output.Provider.Tag);
            LogGone(output.Provider.Log, output.StreamId, dropped);
        }
    }

    /// <summary>The subscriber is there, or back: then it is told what it missed.</summary>
    /// <param name="at">How many events the stream has had.</param>
    public void Open(long at)
    {
        if (!_isClosed)
            return;
        _pending.Open(at - _closedAt);
        _isClosed = false;
        Wake();
    }

    private void Wake()
    {
        if (output.Provider.HasEnded || !_pending.TryBegin())
            return;
        if (output.Provider.FindReceiver<T>(subscriber.Id) is not null)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
        else
            output.Provider.Pump.Start(static sender => ((SubscriberSender<T>)sender!).Pump(), this);
    }

    void IThreadPoolWorkItem.Execute() => _ = Pump();

    private async Task Pump()
    {
        try
        {
            while (_pending.TryTake(out var batch))
            {
                await TryDeliver(batch);
                if (!output.Provider.HasEnded)
                    continue;
                _pending.End();
                return;
            }
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(output.Provider.Log, output.StreamId, 0, exception));
            _pending.End(); // the next event starts it again
        }
    }

    /// <summary>A defect costs this batch, of which the subscriber is told, and not all that come after it.</summary>
    private async Task TryDeliver(EventBatch<T> batch)
    {
        try
        {
            await Deliver(batch);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(output.Provider.Log, output.StreamId, batch.Count, exception));
            _pending.NotDelivered(batch.First);
        }
    }

    /// <summary>
    /// To a subscriber of this process directly: what its producer and it would do on the way over Orleans is most of what
    /// an event costs. The call has the same time-out.
    /// </summary>
    private Task Send(EventBatch<T> batch)
    {
        if (output.Provider.FindReceiver<T>(subscriber.Id) is not { } receiver)
            return _observer.Push(_id, batch.First, batch.ToArray());
        var taken = receiver.Receive(_id, batch);
        return taken.IsCompletedSuccessfully ? Task.CompletedTask : taken.AsTask().WaitAsync(PushCalls.Timeout);
    }

    private async Task Deliver(EventBatch<T> batch)
    {
        var time = output.Provider.Time;
        var began = time.GetTimestamp();
        var backoff = new Backoff(s_firstDelay, s_longestDelay);
        while (!_isClosed && !output.Provider.HasEnded)
        {
            try
            {
                var start = Stopwatch.GetTimestamp();
                await Send(batch);
                PushMetrics.Calls.RecordSince(start, output.Provider.Tag);
                _isUnresponsive = _hasMissed = false;
                PushMetrics.Batches.Add(1, output.Provider.Tag);
                PushMetrics.Events.Add(batch.Count, output.Provider.Tag);
                return;
            }
            catch (SerializerException exception)
            {
                // It would fail each time. The others of its batch are not to suffer.
                if (batch.Count > 1)
                {
                    var events = batch.ToArray();
                    for (var i = 0; i < events.Length; i++)
                        await Deliver(new EventBatch<T>(batch.First + i, [events[i]]));
                    return;
                }
                SafeLog.Write(() => LogNotSent(output.Provider.Log, output.StreamId, exception));
                break;
            }
            catch (Exception exception)
            {
                PushMetrics.Retries.Add(1, output.Provider.Tag);
                SafeLog.Write(() => LogNotAcknowledged(output.Provider.Log, output.StreamId, batch.Count, exception.GetType().Name));
                _hasMissed = true;
                _isUnresponsive |= time.GetElapsedTime(began) > s_unresponsive;
                _pending.StopWaiting();
                // Is it still there? If that cannot be known either, it counts as there.
                await output.Refresh();
                if (time.GetElapsedTime(began) > output.Provider.Options.DeliveryTimeout)
                {
                    SafeLog.Write(() => LogGivenUp(output.Provider.Log, output.StreamId, batch.Count, output.Provider.Options.DeliveryTimeout, exception));
                    break;
                }
                if (!_isClosed)
                    await Task.Delay(backoff.Next(), time);
            }
        }
        PushMetrics.Drops.Add(batch.Count, output.Provider.Tag);
        _pending.NotDelivered(batch.First);
    }

    [LoggerMessage(1, LogLevel.Debug, "A subscriber of stream {Stream} did not acknowledge {Events} events: {Error}.")]
    private static partial void LogNotAcknowledged(ILogger log, StreamId stream, int events, string error);

    [LoggerMessage(2, LogLevel.Warning, "A subscriber of stream {Stream} did not take {Events} events within {Timeout}; they are dropped.")]
    private static partial void LogGivenUp(ILogger log, StreamId stream, int events, TimeSpan timeout, Exception exception);

    [LoggerMessage(3, LogLevel.Information, "A subscriber of stream {Stream} is gone; {Events} events that waited for it are dropped.")]
    private static partial void LogGone(ILogger log, StreamId stream, int events);

    [LoggerMessage(5, LogLevel.Error, "{Events} events of stream {Stream} could not be given to a subscriber; they are dropped.")]
    private static partial void LogFailed(ILogger log, StreamId stream, int events, Exception exception);

    [LoggerMessage(4, LogLevel.Error, "An event of stream {Stream} cannot be sent; it is dropped.")]
    private static partial void LogNotSent(ILogger log, StreamId stream, Exception exception);
}
