using Realtime.PushStreams.Subscriptions;

namespace Realtime.PushStreams.Producing;

/// <summary>What a provider drains.</summary>
internal interface IOutput
{
    /// <summary>Completes when all that was taken before has been delivered or dropped, or its subscriber is unresponsive.</summary>
    Task Idle();

    /// <summary>How many events wait.</summary>
    int Pending { get; }

    void Changed(PushSubscribers now);
}

/// <summary>
/// A stream as one process produces it: a sender for each subscriber, and, while the subscribers are not known, a queue of
/// what waits until they are.
/// </summary>
/// <remarks>More than ten fields: who listens, how old that knowledge is and what waits for it are under one lock.</remarks>
internal sealed partial class Output<T> : IOutput
{
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private readonly IPushSubscriptionsGrain _subscriptions;

    // Kept when their subscriber goes: if it comes back, it learns from the numbers what it missed. About 300 bytes each.
    private readonly Dictionary<Guid, SubscriberSender<T>> _senders = [];
    private SubscriberSender<T>[] _listening = [];
    private PendingEvents<T>? _unaddressed;
    private TaskCompletionSource? _addressed;
    private PushSubscribers? _known;
    private long _total; // events that the senders had, or would have had while closed or not there yet
    private long _learned; // when _known was last confirmed
    private long _refreshed; // when that was last tried
    private int _isRefreshing;
    private int _isLookingUp;

    public Output(PushStreamProvider provider, StreamId stream)
    {
        (Provider, StreamId) = (provider, stream);
        Key = StreamKey.Of<T>(provider.Name, stream);
        _subscriptions = provider.Grains.GetGrain<IPushSubscriptionsGrain>(Key);
    }

    public PushStreamProvider Provider { get; }

    public StreamId StreamId { get; }

    public string Key { get; }

    public int Pending
    {
        get
        {
            lock (_lock)
                return (_unaddressed?.Count ?? 0) + _listening.Sum(sender => sender.Pending);
        }
    }

    /// <summary>Nobody listens, as it has been said less than a period ago; a new subscriber is told of at once.</summary>
    private bool IsNobodyThere => _unaddressed is null && _known is { IsComplete: true } && !IsOld(Volatile.Read(ref _learned));

    /// <summary>
    /// Gives events to every subscriber's sender. Completes when they have taken them; while the process stops, when they
    /// have delivered them, since nobody would do so afterwards.
    /// </summary>
    public Task Publish(ReadOnlySpan<T> events)
    {
        var added = Add(events);
        if (!Provider.IsDraining)
            return added;
        return added.IsCompletedSuccessfully ? Provider.InTimeToDrain(Handled()) : Then(added);

        async Task Then(Task added)
        {
            await added;
            await Provider.InTimeToDrain(Handled());
        }
    }

    public Task Idle() => Each(static sender => sender.Idle());

    private Task Handled() => Each(static sender => sender.Handled());

    private async Task Each(Func<SubscriberSender<T>, Task> wait)
    {
        Task? addressed;
        SubscriberSender<T>[] listening;
        lock (_lock)
            addressed = _unaddressed is null ? null : (_addressed ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        if (addressed is not null)
            await addressed;
        lock (_lock)
            listening = _listening;
        await Task.WhenAll(listening.Select(wait));
    }

    /// <summary>Asks who listens. If it cannot be known, what was known stays. Never fails.</summary>
    public async Task Refresh()
    {
        try
        {
            var producer = await Provider.Producer.Reference;
            PushMetrics.Lookups.Add(1, Provider.Tag);
            Changed(await _subscriptions.Watch(producer));
            Volatile.Write(ref _learned, Provider.Time.GetTimestamp());
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNotKnown(Provider.Log, StreamId, exception.GetType().Name));
        }
        finally
        {
            Volatile.Write(ref _refreshed, Provider.Time.GetTimestamp());
        }
    }

    public void Changed(PushSubscribers now)
    {
        lock (_lock)
        {
            if (_known is { } known && known.Activation == now.Activation && known.Version > now.Version)
                return; // overtaken
            // Who is not named is gone if all are named now, or if the same activation named it before.
            var gone = now.IsComplete ? [.. _senders.Keys]
                : _known?.Activation == now.Activation ? _known.All.Select(subscriber => subscriber.Id).ToHashSet()
                : new HashSet<Guid>();
            _known = now;
            foreach (var subscriber in now.All)
            {
                gone.Remove(subscriber.Id);
                if (_senders.TryGetValue(subscriber.Id, out var sender))
                {
                    sender.Open(_total);
                    continue;
                }
                _senders.Add(subscriber.Id, sender = new SubscriberSender<T>(this, subscriber));
                if (!subscriber.IsNew && _total > 0)
                    sender.HasMissed(_total);
            }
            foreach (var id in gone)
                _senders[id].Close(_total);
            // The others, that were lost with the silo of the subscriptions and have not repeated themselves yet, stay.
            _listening = [.. _listening.Where(sender => !gone.Contains(sender.Subscriber.Id))
                .UnionBy(now.All.Select(subscriber => _senders[subscriber.Id]), sender => sender.Subscriber.Id)];
            if (_unaddressed is null || (_listening.Length == 0 && !now.IsComplete))
                return;
            _total += _unaddressed.Total;
            foreach (var sender in _listening)
                sender.Add(_unaddressed);
            _unaddressed.Clear();
            _unaddressed = null;
            _addressed?.TrySetResult();
            _addressed = null;
        }
    }

    private Task Add(ReadOnlySpan<T> events)
    {
        Task added;
        bool isUnaddressed;
        lock (_lock)
        {
            isUnaddressed = _listening.Length == 0 && !IsNobodyThere;
            if (isUnaddressed)
            {
                added = (_unaddressed ??= new(Provider)).Add(events);
            }
            else
            {
                _total += events.Length;
                added = _listening.Length == 1 ? _listening[0].Add(events) : AddToAll(events);
            }
        }
        if (isUnaddressed)
        {
            if (Interlocked.Exchange(ref _isLookingUp, 1) == 0)
                Provider.Pump.Start(static output => ((Output<T>)output!).LookUp(), this);
        }
        else if (IsOld(Volatile.Read(ref _refreshed)) && Interlocked.Exchange(ref _isRefreshing, 1) == 0)
        {
            Provider.Pump.Start(static output => ((Output<T>)output!).RefreshInUse(), this);
        }
        return added;
    }

    private Task AddToAll(ReadOnlySpan<T> events)
    {
        List<Task>? waiting = null;
        foreach (var sender in _listening)
        {
            var added = sender.Add(events);
            if (!added.IsCompletedSuccessfully)
                (waiting ??= []).Add(added);
        }
        return waiting is null ? Task.CompletedTask : Task.WhenAll(waiting);
    }

    private async Task LookUp()
    {
        var backoff = new Backoff(s_firstDelay, s_longestDelay);
        while (Volatile.Read(ref _unaddressed) is not null && !Provider.HasEnded)
        {
            await Refresh();
            if (Volatile.Read(ref _unaddressed) is not null)
                await Task.Delay(backoff.Next(), Provider.Time);
        }
        // A full fence: who adds after this read starts the look-up himself.
        Interlocked.Exchange(ref _isLookingUp, 0);
        if (Volatile.Read(ref _unaddressed) is not null && !Provider.HasEnded && Interlocked.Exchange(ref _isLookingUp, 1) == 0)
            Provider.Pump.Start(static output => ((Output<T>)output!).LookUp(), this);
    }

    private bool IsOld(long time) => Provider.Time.GetElapsedTime(time) > Provider.Options.AnnouncePeriod;

    /// <summary>While there is traffic, at most once a period: it finds what a lost notice would have told.</summary>
    private async Task RefreshInUse()
    {
        await Refresh();
        Volatile.Write(ref _isRefreshing, 0);
    }

    [LoggerMessage(1, LogLevel.Debug, "Who listens to stream {Stream} is not known: {Error}.")]
    private static partial void LogNotKnown(ILogger log, StreamId stream, string error);
}
