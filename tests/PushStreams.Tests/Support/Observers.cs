using System.Threading.Channels;

namespace Realtime.PushStreams.Tests.Support;

/// <summary>Keeps what it is given, in order: items, and gaps and errors where they were reported.</summary>
internal abstract class Recorder
{
    private readonly Lock _lock = new();
    private readonly List<object> _log = [];
    private TaskCompletionSource _changed = New();
    private TaskCompletionSource? _gate;
    private int _running;

    /// <summary>One for each call that has come, also for one that is held.</summary>
    public Channel<int> Calls { get; } = Channel.CreateUnbounded<int>();

    public int MostAtOnce { get; private set; }

    public List<object> Log
    {
        get
        {
            lock (_lock)
                return [.. _log];
        }
    }

    public List<Item> Items => [.. Log.OfType<Item>()];

    public List<int> Numbers => [.. Items.Select(item => item.Number)];

    public List<Exception> Errors => [.. Log.OfType<Exception>()];

    /// <summary>What it throws for an item, if anything.</summary>
    public Func<Item, Exception?> Throws { get; set; } = _ => null;

    /// <summary>From now on calls wait until <see cref="Release"/>.</summary>
    public void Hold() => _gate = New();

    public void Release() => Interlocked.Exchange(ref _gate, null)?.SetResult();

    /// <summary>Waits until so much is in the log.</summary>
    public async Task<List<object>> Has(int count)
    {
        await Until(() => _log.Count >= count);
        return Log;
    }

    public async Task<List<object>> Has(Func<List<object>, bool> condition)
    {
        await Until(() => condition(_log));
        return Log;
    }

    public Task OnErrorAsync(Exception ex)
    {
        Add([ex]);
        return Task.CompletedTask;
    }

    public Task OnCompletedAsync() => Task.CompletedTask;

    protected async Task Take(Item[] items)
    {
        var running = Interlocked.Increment(ref _running);
        MostAtOnce = Math.Max(MostAtOnce, running);
        Calls.Writer.TryWrite(items.Length);
        if (Volatile.Read(ref _gate) is { } gate)
            await gate.Task;
        Interlocked.Decrement(ref _running);
        foreach (var item in items)
        {
            if (Throws(item) is { } exception)
                throw exception;
        }
        Add(items);
    }

    private async Task Until(Func<bool> condition)
    {
        using var bound = new CancellationTokenSource(Wait.Longest);
        while (true)
        {
            var changed = Volatile.Read(ref _changed).Task;
            lock (_lock)
            {
                if (condition())
                    return;
            }
            try
            {
                await changed.WaitAsync(bound.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"What was waited for did not come. There are {Log.Count}, the last ones: {string.Join(", ", Log.TakeLast(10))}");
            }
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Add(object[] items)
    {
        lock (_lock)
            _log.AddRange(items);
        Interlocked.Exchange(ref _changed, New()).SetResult();
    }
}

/// <summary>Takes events one by one.</summary>
internal sealed class OneByOne : Recorder, IAsyncObserver<Item>
{
    public Task OnNextAsync(Item item, StreamSequenceToken? token = null) => Take([item]);
}

/// <summary>Takes them in batches.</summary>
internal sealed class Batches : Recorder, IAsyncBatchObserver<Item>
{
    public Task OnNextAsync(IList<SequentialItem<Item>> items) => Take([.. items.Select(item => item.Item)]);
}
