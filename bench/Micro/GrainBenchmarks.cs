using System.Text;
using BenchmarkDotNet.Attributes;
using Orleans;
using Orleans.Runtime;
using Orleans.Streams;
using Realtime.Grains;

namespace Realtime.Micro;

/// <summary>Calls to grains and pushes on streams.</summary>
public class GrainBenchmarks
{
    public const string Provider = "micro";

    private const int Burst = 256;

    private static readonly RoomCommand[] s_publish = [new PublishCommand("alice", null, Encoding.UTF8.GetBytes($"\"content\":\"{new string('x', 100)}\""))];

    private readonly Task[] _calls = new Task[Burst];
    private readonly ValueTask[] _valueCalls = new ValueTask[Burst];
    private readonly Counter _counter = new();
    private Server _server = null!;
    private INothingGrain _nothing = null!;
    private IRoomGrain _room = null!;
    private IAsyncStream<FrontEvent> _stream = null!;
    private long _batch;

    private readonly FrontEvent _event = new() { Kind = FrontEventKind.Message, Target = "lobby", Body = new byte[128] };

    [GlobalSetup]
    public async Task Setup()
    {
        _server = Server.Start();
        _nothing = _server.Cluster.GetGrain<INothingGrain>(0);
        _room = _server.Cluster.GetGrain<IRoomGrain>("lobby");
        _stream = _server.Cluster.GetStreamProvider(Provider).GetStream<FrontEvent>(StreamId.Create("micro", "one"));
        await _stream.SubscribeAsync(_counter);
        await Push_events_and_hear_them(); // the subscription is known from now on
    }

    [GlobalCleanup]
    public void Cleanup() => _server.Dispose();

    /// <summary>One call after the other: the caller waits for each.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public async Task Grain_call_one_after_another()
    {
        for (var i = 0; i < Burst; i++)
            await _nothing.Nothing();
    }

    /// <summary>Many calls under way, as when rooms are busy.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public Task Grain_calls_at_once()
    {
        for (var i = 0; i < Burst; i++)
            _calls[i] = _nothing.Nothing();
        return Task.WhenAll(_calls);
    }

    /// <summary>Methods that return a ValueTask need no task for the answer.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public async Task ValueTask_call_one_after_another()
    {
        for (var i = 0; i < Burst; i++)
            await _nothing.NothingAsValue();
    }

    [Benchmark(OperationsPerInvoke = Burst)]
    public async Task ValueTask_calls_at_once()
    {
        for (var i = 0; i < Burst; i++)
            _valueCalls[i] = _nothing.NothingAsValue();
        for (var i = 0; i < Burst; i++)
            await _valueCalls[i];
    }

    /// <summary>A publish of a front to a room without members.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public async Task Publish_to_a_room()
    {
        for (var i = 0; i < Burst; i++)
            await _room.Submit("micro", ++_batch, s_publish);
    }

    /// <summary>From the producer to the observer.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public async Task Push_events_and_hear_them()
    {
        var heard = _counter.Expect(Burst);
        for (var i = 0; i < Burst; i++)
            await _stream.OnNextAsync(_event);
        await heard.WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>The same with nothing else on the way: each is heard before the next is pushed.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public async Task Push_one_event_and_hear_it()
    {
        for (var i = 0; i < Burst; i++)
        {
            _counter.Next.Reset();
            await _stream.OnNextAsync(_event);
            await _counter.Next.Task;
        }
    }

    private sealed class Counter : IAsyncBatchObserver<FrontEvent>
    {
        private TaskCompletionSource? _done;
        private int _left;

        /// <summary>Says that something was heard.</summary>
        public Signal Next { get; } = new();

        public Task Expect(int events)
        {
            (_left, _done) = (events, new(TaskCreationOptions.RunContinuationsAsynchronously));
            return _done.Task;
        }

        public Task OnNextAsync(IList<SequentialItem<FrontEvent>> items)
        {
            if (Interlocked.Add(ref _left, -items.Count) == 0)
                _done!.SetResult();
            Next.Set();
            return Task.CompletedTask;
        }

        public Task OnErrorAsync(Exception exception) => Task.CompletedTask;
    }
}

/// <summary>A grain that does nothing: what is left is the price of a call.</summary>
[Alias("micro.nothing")]
public interface INothingGrain : IGrainWithIntegerKey
{
    [Alias("Nothing")]
    Task Nothing();

    [Alias("NothingAsValue")]
    ValueTask NothingAsValue();
}

internal sealed class NothingGrain : Grain, INothingGrain
{
    public Task Nothing() => Task.CompletedTask;

    public ValueTask NothingAsValue() => ValueTask.CompletedTask;
}
