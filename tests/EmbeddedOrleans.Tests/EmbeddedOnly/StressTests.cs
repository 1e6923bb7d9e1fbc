namespace Realtime.EmbeddedOrleans.Tests.EmbeddedOnly;

public interface IBusyGrain : IGrainWithIntegerKey
{
    Task<int> Work(int depth, bool end);

    [ReadOnly]
    Task<int> Look();

    [AlwaysInterleave]
    Task<int> Peek();
}

public sealed class BusyGrain : Grain, IBusyGrain
{
    private int _writers;
    private int _readers;
    private int _onThread;

    public async Task<int> Work(int depth, bool end)
    {
        using var turn = new Turn(this);
        if (++_writers != 1 || _readers != 0)
            throw new InvalidOperationException("Two calls run at once.");
        if (end)
            DeactivateOnIdle();
        turn.Leave();
        await Task.Yield();
        turn.Enter();

        // Down only: two grains that call each other would wait for each other.
        if (depth > 0)
        {
            turn.Leave();
            try
            {
                await GrainFactory.GetGrain<IBusyGrain>(this.GetPrimaryKeyLong() + 1).Work(depth - 1, false);
            }
            finally
            {
                turn.Enter();
                _writers--;
            }

            return 1;
        }

        _writers--;
        return 1;
    }

    public async Task<int> Look()
    {
        using var turn = new Turn(this);
        _readers++;
        if (_writers != 0)
            throw new InvalidOperationException("A reader runs beside a writer.");
        turn.Leave();
        await Task.Yield();
        turn.Enter();
        _readers--;
        return 1;
    }

    public Task<int> Peek()
    {
        using var turn = new Turn(this);
        return Task.FromResult(1);
    }

    /// <summary>Fails if two threads run the grain at one time.</summary>
    private sealed class Turn : IDisposable
    {
        private readonly BusyGrain _grain;

        public Turn(BusyGrain grain)
        {
            _grain = grain;
            Enter();
        }

        public void Enter()
        {
            if (Interlocked.Increment(ref _grain._onThread) != 1)
                throw new InvalidOperationException("Two threads run one grain.");
        }

        public void Leave() => Interlocked.Decrement(ref _grain._onThread);

        public void Dispose() => Leave();
    }
}

/// <summary>Many calls of all kinds while activations end and silos come and go.</summary>
[Collection(nameof(Alone))]
public sealed class StressTests(ITestOutputHelper output)
{
    private const int Callers = 32;

    [Fact]
    public async Task Every_call_is_answered_while_activations_and_silos_come_and_go()
    {
        Engine.SkipUnlessEmbedded("Orleans needs seconds to notice the end of a silo.");
        await using var cluster = new InProcessTestClusterBuilder(3).Build();
        await cluster.DeployAsync();
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        var (answered, rejected) = (0, 0);
        var callers = Enumerable.Range(0, Callers).Select(seed => Task.Run(async () =>
        {
            var random = new Random(seed);
            while (!end.IsCancellationRequested)
            {
                var grain = cluster.Client.GetGrain<IBusyGrain>(random.Next(40) * 10);
                try
                {
                    var call = random.Next(4) switch
                    {
                        0 => grain.Look(),
                        1 => grain.Peek(),
                        _ => grain.Work(random.Next(3), random.Next(50) == 0),
                    };
                    Assert.Equal(1, await call.Soon());
                    Interlocked.Increment(ref answered);
                }
                catch (OrleansException)
                {
                    Interlocked.Increment(ref rejected);
                }
            }
        })).ToArray();

        while (!end.IsCancellationRequested)
        {
            await Task.Delay(50);
            var victim = cluster.Silos[Random.Shared.Next(cluster.Silos.Count)];
            if (Random.Shared.Next(2) == 0)
                await cluster.KillSiloAsync(victim).Soon();
            else
                await cluster.StopSiloAsync(victim).Soon();
            await cluster.StartAdditionalSiloAsync().Soon();
        }

        await Task.WhenAll(callers).Soon();
        output.WriteLine($"{answered} answered, {rejected} rejected.");
        Assert.True(answered > 1000, $"Only {answered} calls were answered.");
        Assert.True(rejected < answered / 10, $"{rejected} calls were rejected, {answered} answered.");
    }
}
