using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Realtime.PushStreams.Consuming;
using Realtime.PushStreams.Producing;
using Realtime.PushStreams.Subscriptions;

namespace Realtime.PushStreams;

/// <summary>Push streams of one name in one process: what it produces, and what it listens to.</summary>
/// <remarks>More than ten fields: it has the process's services for all its streams.</remarks>
internal sealed partial class PushStreamProvider : IStreamProvider, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, IOutput> _outputs = new();
    private readonly ConcurrentDictionary<(StreamId, Type), object> _streams = new();
    private readonly ConcurrentDictionary<Guid, IPushSubscription> _subscriptions = new();
    private readonly ConcurrentDictionary<Guid, object> _receivers = new();
    private long _drainEnds;
    private volatile bool _isDraining;
    private volatile bool _stopWaits;
    private volatile bool _hasEnded;

    public PushStreamProvider(IServiceProvider services, string name)
    {
        Name = name;
        Tag = new("realtime.stream.provider", name);
        Options = services.GetRequiredService<IOptionsMonitor<PushStreamOptions>>().Get(name);
        Grains = services.GetRequiredService<IGrainFactory>();
        Time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        Log = services.GetRequiredService<ILoggerFactory>().CreateLogger("Realtime.PushStreams." + name);
        Producer = new ProducerObserver(this);
    }

    public string Name { get; }

    /// <summary>Of its measurements.</summary>
    public KeyValuePair<string, object?> Tag { get; }

    public bool IsRewindable => false;

    public PushStreamOptions Options { get; }

    public IGrainFactory Grains { get; }

    public TimeProvider Time { get; }

    public ILogger Log { get; }

    public Pump Pump { get; } = new();

    public ProducerObserver Producer { get; }

    /// <summary>The process stops: a producer's call now completes when its events are delivered.</summary>
    public bool IsDraining => _isDraining;

    /// <summary>The stop waits for what is taken now, until it is delivered or its subscriber is unresponsive: who has produced it need not.</summary>
    public bool StopWaits => _stopWaits;

    /// <summary>Nothing is delivered any more.</summary>
    public bool HasEnded => _hasEnded;

    public IEnumerable<IPushSubscription> Subscriptions => _subscriptions.Values;

    public static PushStreamProvider Of(IServiceProvider services, string name) =>
        services.GetRequiredKeyedService<PushStreamProvider>(name);

    public IAsyncStream<T> GetStream<T>(StreamId streamId) =>
        (PushStream<T>)_streams.GetOrAdd((streamId, typeof(T)), static (key, provider) => new PushStream<T>(provider, key.Item1), this);

    /// <summary>The one output of a stream: two would break the order.</summary>
    public Output<T> GetOutput<T>(StreamId stream)
    {
        var key = StreamKey.Of<T>(Name, stream);
        if (_outputs.TryGetValue(key, out var output))
            return (Output<T>)output;
        // The dictionary keeps the first if two are made at once; one that is not kept has done nothing yet.
        return (Output<T>)_outputs.GetOrAdd(key, static (_, of) => new Output<T>(of.Provider, of.Stream), (Provider: this, Stream: stream));
    }

    public IOutput? FindOutput(string key) => _outputs.GetValueOrDefault(key);

    public void Add(IPushSubscription subscription) => _subscriptions[subscription.Id] = subscription;

    public void Remove(IPushSubscription subscription) => _subscriptions.TryRemove(subscription.Id, out _);

    /// <summary>The subscriber of this id, if it is of this process.</summary>
    public Receiver<T>? FindReceiver<T>(Guid subscriber) => (Receiver<T>?)_receivers.GetValueOrDefault(subscriber);

    /// <summary>From now on it may be given events; so before its subscription is announced.</summary>
    public void Add<T>(Guid subscriber, Receiver<T> receiver) => _receivers[subscriber] = receiver;

    public void RemoveReceiver(Guid subscriber) => _receivers.TryRemove(subscriber, out _);

    /// <summary>Delivers what has been taken, and from now on takes nothing without delivering it.</summary>
    public async Task Drain(CancellationToken cancellation)
    {
        _drainEnds = Time.GetTimestamp() + (long)(Options.DrainTimeout.TotalSeconds * Time.TimestampFrequency);
        _stopWaits = true;
        _isDraining = true;
        await Idle();
        // Once more: what producers have not waited for, at an output that had been idle while another was waited for.
        _stopWaits = false;
        await Idle();

        async Task Idle()
        {
            var all = Task.WhenAll(_outputs.Values.Select(output => InTimeToDrain(output.Idle())));
            await all.WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Waits for what is left of the time to drain.</summary>
    public async Task InTimeToDrain(Task work)
    {
        var left = Time.GetElapsedTime(Time.GetTimestamp(), _drainEnds);
        if (left > TimeSpan.Zero)
            await work.WaitAsync(left, Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Takes back this process's subscriptions, so that producers do not wait for it.</summary>
    public async Task Unsubscribe(CancellationToken cancellation)
    {
        Task all = Task.WhenAll(Subscriptions.Select(subscription => subscription.UnsubscribeAsync()));
        await all.WaitAsync(Options.DrainTimeout, Time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Ends everything, as the process is about to.</summary>
    public void End()
    {
        if (_hasEnded)
            return;
        _hasEnded = true;
        var lost = _outputs.Values.Sum(output => output.Pending);
        if (lost > 0)
        {
            PushMetrics.Drops.Add(lost, Tag);
            LogLost(Log, lost);
        }
        foreach (var subscription in Subscriptions)
            subscription.Stop();
    }

    public ValueTask DisposeAsync()
    {
        End();
        return ValueTask.CompletedTask;
    }

    [LoggerMessage(1, LogLevel.Warning, "The process ends before {Events} events were delivered; nobody learns of them.")]
    private static partial void LogLost(ILogger log, int events);
}
