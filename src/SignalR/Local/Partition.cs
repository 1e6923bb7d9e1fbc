namespace Realtime.SignalR.Local;

/// <summary>
/// A partition as this server has it: its topics with local connections, and one call to the grain at a time. What comes meanwhile goes with
/// the next one, in one order: so a group's order is kept, and the busier a server is the fewer calls a message costs.
/// </summary>
/// <remarks>More than ten fields: topics, commands and the state of the grain that they lead to are under one lock.</remarks>
internal sealed partial class Partition(Backplane backplane, IHubPartitionGrain grain) : IThreadPoolWorkItem
{
    private static readonly TimeSpan s_holdPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(500);

    // Shorter than Orleans leaves a grain that nobody calls: who was answered since, and is not known any more, has met the loss of a silo.
    private static readonly TimeSpan s_memory = TimeSpan.FromMinutes(10);

    // Without the callers' own: what is sent for many callers belongs to the trace of none.
    private static readonly ExecutionContext? s_context = NewContext();

    private readonly Lock _lock = new();
    private readonly Dictionary<string, LocalTopic> _topics = [];
    private readonly Queue<PendingBatch> _batches = new();
    private PendingBatch? _last; // the batch that takes more
    private bool _isRunning;
    private bool _isAnnounced; // the grain knows the topics, as far as is known here
    private bool _hasTopics; // it knew some when it was called last
    private long _calls;
    private long _number;
    private long _events;
    private long _renewed; // timestamp; 0 before the first time

    /// <summary>The connections of this server in a topic, as they are now; not to be changed.</summary>
    public LocalConnection[] Members(string topic)
    {
        lock (_lock)
            return _topics.TryGetValue(topic, out var local) ? local.All : [];
    }

    /// <summary>Completes when what is sent to the topic from now on reaches the connection.</summary>
    public Task Enter(string topic, LocalConnection connection)
    {
        Task entered;
        lock (_lock)
        {
            if (!_topics.TryGetValue(topic, out var local))
                _topics.Add(topic, local = new LocalTopic { Entered = Queue(new(HubCommandKind.Enter, topic), 0).Done });
            else if (local.Entered.IsFaulted)
                local.Entered = Queue(new(HubCommandKind.Enter, topic), 0).Done;
            local.Add(connection);
            entered = local.Entered;
        }
        Start();
        return entered;
    }

    /// <summary>Completes when the cluster knows.</summary>
    public Task Leave(string topic, LocalConnection connection)
    {
        Task left;
        lock (_lock)
        {
            if (!_topics.TryGetValue(topic, out var local) || !local.Remove(connection) || !local.IsEmpty)
                return Task.CompletedTask;
            _topics.Remove(topic);
            left = Queue(new(HubCommandKind.Leave, topic), 0).Done;
        }
        Start();
        return left;
    }

    /// <summary>Completes when the event is on the streams of all servers of the topic.</summary>
    /// <exception cref="InvalidOperationException">Too much waits to be sent.</exception>
    public Task<HubReply> Send(HubEvent sent)
    {
        var size = sent.Size;
        backplane.Reserve(size);
        Task<HubReply> done;
        lock (_lock)
        {
            sent.Number = ++_events; // of its place in the queue
            done = Queue(new(HubCommandKind.Send, sent.Topic!, sent), size).Done;
        }
        Start();
        return done;
    }

    /// <summary>Renews the lease, if there is something to lease and nothing else has.</summary>
    public void Renew(TimeSpan period)
    {
        lock (_lock)
        {
            if (_isRunning || _topics.Count == 0 || backplane.Time.GetElapsedTime(_renewed) < period)
                return;
            _batches.Enqueue(_last = new PendingBatch());
        }
        Start();
    }

    /// <summary>Tells the grain that this server has nothing any more.</summary>
    public Task Stop()
    {
        PendingBatch last;
        lock (_lock)
        {
            _topics.Clear();
            if (!_hasTopics && !_isRunning)
                return Task.CompletedTask;
            _isAnnounced = false;
            _batches.Enqueue(_last = last = new PendingBatch());
        }
        Start();
        return last.Done;
    }

    void IThreadPoolWorkItem.Execute() => _ = Run();

    /// <summary>Under the lock.</summary>
    private PendingBatch Queue(HubCommand command, long bytes)
    {
        if (_last?.TakesMore(bytes) != true)
            _batches.Enqueue(_last = new PendingBatch());
        _last.Add(command, bytes);
        return _last;
    }

    private void Start()
    {
        lock (_lock)
        {
            if (_isRunning || _batches.Count == 0)
                return;
            _isRunning = true;
        }
        // At once, unless the caller is a grain, whose scheduler this must not run on.
        if (s_context is null || TaskScheduler.Current != TaskScheduler.Default || SynchronizationContext.Current is not null)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
        else
            ExecutionContext.Run(s_context, static partition => _ = ((Partition)partition!).Run(), this);
    }

    private static ExecutionContext? NewContext()
    {
        ExecutionContext? context = null;
        var thread = new Thread(() => context = ExecutionContext.Capture());
        thread.UnsafeStart();
        thread.Join();
        return context;
    }

    private async Task Run()
    {
        while (TryTake(out var batch))
        {
            try
            {
                await Deliver(batch);
            }
            catch (Exception exception)
            {
                lock (_lock)
                    _isAnnounced = false; // what the batch would have changed is told anew
                batch.Fail(exception);
                SafeLog.Write(() => LogFailed(backplane.Log, batch.Commands.Count, exception));
            }
            finally
            {
                backplane.Release(batch.Bytes);
            }
        }
    }

    private bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out PendingBatch? batch)
    {
        lock (_lock)
        {
            if (!_batches.TryDequeue(out batch))
                return _isRunning = false;
            if (batch == _last)
                _last = null;
            return true;
        }
    }

    private async Task Deliver(PendingBatch pending)
    {
        var began = backplane.Time.GetTimestamp();
        var backoff = new Backoff(s_firstPause, s_longestPause);
        var batch = new HubBatch { Server = backplane.Server, Call = 0, Number = ++_number, Commands = [.. pending.Commands] };
        while (true)
        {
            try
            {
                bool hasTopics;
                lock (_lock)
                {
                    hasTopics = _topics.Count > 0;
                    var wasKnown = _renewed != 0 && backplane.Time.GetElapsedTime(_renewed) < s_memory;
                    batch = batch with { Call = ++_calls, WasKnown = wasKnown, Topics = _isAnnounced && hasTopics ? null : [.. _topics.Keys] };
                }
                var reply = await grain.Apply(batch);
                if (Answered(reply, batch, hasTopics))
                {
                    backplane.Told(reply);
                    pending.Complete(reply);
                    return;
                }
                if (reply.Outcome == HubOutcome.Hold)
                    await Task.Delay(s_holdPause, backplane.Time);
            }
            // A rejection: the call did not run. A time-out: it may have. Both are what callers see of a silo that dies.
            catch (Exception exception) when (exception is TimeoutException or OrleansException or OperationCanceledException)
            {
                batch = batch with { IsRepeat = true };
                var pause = backoff.Next();
                if (backplane.IsStopping || backplane.Time.GetElapsedTime(began) + pause >= backplane.Options.CallTimeout)
                    throw new TimeoutException($"The cluster did not take what a hub had for it within {backplane.Options.CallTimeout}.", exception);
                await Task.Delay(pause, backplane.Time);
            }
        }
    }

    private bool Answered(HubReply reply, HubBatch batch, bool hasTopics)
    {
        lock (_lock)
        {
            _isAnnounced = reply.Outcome != HubOutcome.Unknown && (_isAnnounced || batch.Topics is not null);
            if (reply.Outcome == HubOutcome.Unknown)
                return false;
            _hasTopics = hasTopics;
            _renewed = backplane.Time.GetTimestamp();
            return reply.Outcome == HubOutcome.Applied;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "{Commands} commands of a hub could not be given to the cluster.")]
    private static partial void LogFailed(ILogger log, int commands, Exception exception);
}
