using Orleans.Configuration;

namespace Orleans.Embedded;

/// <summary>
/// Ends idle activations of a silo. Time counts in ticks of the collection quantum; an activation stands in the bucket of
/// the tick when it may have been idle long enough, and is looked at then, not before. While there are no activations
/// nothing ticks.
/// </summary>
internal sealed class Collector : IDisposable
{
    private readonly TimeProvider _time;
    private readonly GrainCollectionOptions _options;
    private readonly long _started;
    private readonly Dictionary<long, CollectionBucket> _buckets = [];
    private readonly Dictionary<GrainClass, long> _ages = [];
    private readonly Lock _lock = new();
    private readonly ITimer _timer;
    private int _count;
    private bool _ticking;
    private bool _disposed;
    private long _tick;

    public Collector(TimeProvider time, GrainCollectionOptions options)
    {
        _time = time;
        _options = options;
        _started = time.GetTimestamp();
        _timer = time.CreateTimer(static collector => ((Collector)collector!).Collect(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public TimeSpan ActivationTimeout => _options.ActivationTimeout;

    public TimeSpan DeactivationTimeout => _options.DeactivationTimeout;

    /// <summary>Quanta since the silo started.</summary>
    public long Tick => Volatile.Read(ref _tick);

    /// <summary>The number of ticks in which at least this time passes, wherever in a tick it begins.</summary>
    public long TicksOf(TimeSpan time) => (long)Math.Ceiling(time / _options.CollectionQuantum) + 1;

    public void Add(Activation activation)
    {
        lock (_lock)
        {
            var age = AgeOf(activation.Class);
            if (_disposed || age == 0)
                return;
            if (_count++ == 0 && !_ticking)
            {
                _ticking = true;
                ReadClock();
                _timer.Change(_options.CollectionQuantum, _options.CollectionQuantum);
            }

            Insert(activation, Tick + age);
        }
    }

    public void Remove(Activation activation)
    {
        lock (_lock)
        {
            if (activation.Bucket is null)
                return;
            Unlink(activation);
            _count--;
        }
    }

    public void Dispose()
    {
        lock (_lock)
            _disposed = true;
        _timer.Dispose();
    }

    private void Collect()
    {
        List<CollectionBucket> due;
        lock (_lock)
        {
            ReadClock();
            if (_count == 0)
            {
                _ticking = false;
                if (!_disposed)
                    _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                return;
            }

            due = [.. _buckets.Values.Where(bucket => bucket.Tick <= Tick)];
            foreach (var bucket in due)
                _buckets.Remove(bucket.Tick);
        }

        foreach (var bucket in due)
        {
            while (TakeFirst(bucket) is var (activation, age))
            {
                var next = activation.DeactivateIfIdleSince(Tick, age);
                if (next != 0)
                    Return(activation, next);
            }
        }
    }

    private void ReadClock() => Volatile.Write(ref _tick, _time.GetElapsedTime(_started).Ticks / _options.CollectionQuantum.Ticks);

    private (Activation Activation, long Age)? TakeFirst(CollectionBucket bucket)
    {
        lock (_lock)
        {
            if (bucket.First is not { } activation)
                return null;
            Unlink(activation);
            _count--;
            return (activation, AgeOf(activation.Class));
        }
    }

    private void Return(Activation activation, long tick)
    {
        lock (_lock)
        {
            // One that ended meanwhile has been removed, and must not come back.
            if (activation.IsDead || _disposed)
                return;
            _count++;
            Insert(activation, tick);
        }
    }

    private void Insert(Activation activation, long tick)
    {
        if (!_buckets.TryGetValue(tick, out var bucket))
            _buckets[tick] = bucket = new CollectionBucket(tick);
        activation.Bucket = bucket;
        activation.EarlierInBucket = null;
        activation.LaterInBucket = bucket.First;
        if (bucket.First is { } first)
            first.EarlierInBucket = activation;
        bucket.First = activation;
    }

    private static void Unlink(Activation activation)
    {
        if (activation.EarlierInBucket is { } earlier)
            earlier.LaterInBucket = activation.LaterInBucket;
        else
            activation.Bucket!.First = activation.LaterInBucket;
        if (activation.LaterInBucket is { } later)
            later.EarlierInBucket = activation.EarlierInBucket;
        activation.EarlierInBucket = activation.LaterInBucket = null;
        activation.Bucket = null;
    }

    /// <summary>In ticks; zero for never.</summary>
    private long AgeOf(GrainClass grainClass)
    {
        if (_ages.TryGetValue(grainClass, out var known))
            return known;
        var type = grainClass.Type;
        var limit = (CollectionAgeLimitAttribute?)Attribute.GetCustomAttribute(type, typeof(CollectionAgeLimitAttribute));
        if (Attribute.IsDefined(type, typeof(KeepAliveAttribute)) || limit is { AlwaysActive: true })
            return _ages[grainClass] = 0;
        var age = limit?.AgeLimit
            ?? (_options.ClassSpecificCollectionAge.TryGetValue(type.FullName!, out var specific) ? specific : _options.CollectionAge);
        return _ages[grainClass] = TicksOf(age);
    }
}

/// <summary>Activations that may be collected at one tick, linked through themselves.</summary>
internal sealed class CollectionBucket(long tick)
{
    public readonly long Tick = tick;
    public Activation? First;
}
