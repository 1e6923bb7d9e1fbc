namespace Realtime.EmbeddedOrleans.Tests.Conformance;

[GenerateSerializer]
public sealed class RoomFullException : Exception
{
    public RoomFullException(string message, int limit) : base(message) => Limit = limit;

    [Id(0)]
    public int Limit { get; set; }
}

public interface IFailingGrain : IGrainWithStringKey
{
    Task Throw(string kind);

    Task<int> ThrowAfterAwait();

    ValueTask<int> ThrowValue();

    Task Cancel();

    Task<int> Count();

    Task Hang();

    [ResponseTimeout("00:00:00.300")]
    Task HangBriefly();

    [AlwaysInterleave]
    Task<int> Hanging();

    Task<bool> SawCancellation(string gate, CancellationToken token);
}

public sealed class FailingGrain : Grain, IFailingGrain
{
    private int _count;
    private int _hanging;

    public Task Throw(string kind) => kind switch
    {
        "argument" => throw new ArgumentException("That will not do."),
        "own" => throw new RoomFullException("It is full.", 10),
        "inner" => throw new InvalidOperationException("outer", new FormatException("inner")),
        _ => throw new NotSupportedException(kind),
    };

    public async Task<int> ThrowAfterAwait()
    {
        await Task.Yield();
        throw new KeyNotFoundException("not there");
    }

    public async ValueTask<int> ThrowValue()
    {
        await Task.Delay(1);
        throw new DivideByZeroException();
    }

    public Task Cancel() => throw new OperationCanceledException();

    public Task<int> Count() => Task.FromResult(++_count);

    public async Task Hang()
    {
        // Longer than any time-out here; and it ends, so that no silo waits for it when it stops.
        _hanging++;
        await Task.Delay(TimeSpan.FromSeconds(4));
    }

    public Task HangBriefly() => Hang();

    public Task<int> Hanging() => Task.FromResult(_hanging);

    public async Task<bool> SawCancellation(string gate, CancellationToken token)
    {
        Gates.Get(gate).SetResult();
        try
        {
            await Task.Delay(Wait.Longest, token);
            return false;
        }
        catch (OperationCanceledException)
        {
            Gates.Get(gate + "cancelled").SetResult();
            throw;
        }
    }
}

public interface IBadStartGrain : IGrainWithStringKey
{
    Task<int> Hello();
}

public sealed class BadStartGrain : Grain, IBadStartGrain
{
    /// <summary>Keys whose next activation fails.</summary>
    public static readonly System.Collections.Concurrent.ConcurrentDictionary<string, int> Attempts = new();

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        if (Attempts.AddOrUpdate(this.GetPrimaryKeyString(), 1, (_, attempts) => attempts + 1) == 1)
            throw new RoomFullException("Not today.", 1);
    }

    public Task<int> Hello() => Task.FromResult(Attempts[this.GetPrimaryKeyString()]);
}

/// <summary>What callers see of errors, time-outs and cancellation.</summary>
public sealed class ErrorTests(SharedCluster shared)
{
    [Fact]
    public async Task An_exception_reaches_the_caller_with_its_type_and_leaves_the_activation_usable()
    {
        var grain = shared.NewGrain<IFailingGrain>();
        Assert.Equal(1, await grain.Count().Soon());
        Assert.Equal("That will not do.", (await Assert.ThrowsAsync<ArgumentException>(() => grain.Throw("argument").Soon())).Message);
        var own = await Assert.ThrowsAsync<RoomFullException>(() => grain.Throw("own").Soon());
        Assert.Equal(("It is full.", 10), (own.Message, own.Limit));
        var outer = await Assert.ThrowsAsync<InvalidOperationException>(() => grain.Throw("inner").Soon());
        Assert.Equal("inner", Assert.IsType<FormatException>(outer.InnerException).Message);
        await Assert.ThrowsAsync<KeyNotFoundException>(() => grain.ThrowAfterAwait().Soon());
        await Assert.ThrowsAsync<DivideByZeroException>(() => grain.ThrowValue().AsTask().Soon());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => grain.Cancel().Soon());
        Assert.Equal(2, await grain.Count().Soon());
    }

    [Fact]
    public async Task An_exception_reaches_a_grain_that_called()
    {
        var relay = shared.NewGrain<IRelayGrain>();
        Assert.Equal(nameof(RoomFullException), await relay.CatchFrom(shared.NewGrain<IFailingGrain>(), "own").Soon());
    }

    [Fact]
    public async Task An_error_of_activation_fails_the_call_and_the_next_call_activates_anew()
    {
        var grain = shared.NewGrain<IBadStartGrain>();
        await Assert.ThrowsAsync<RoomFullException>(() => grain.Hello().Soon());
        Assert.Equal(2, await grain.Hello().Soon());
    }

    [Fact]
    public async Task An_unanswered_call_times_out_and_others_go_on()
    {
        var grain = shared.NewGrain<IFailingGrain>();
        var started = System.Diagnostics.Stopwatch.StartNew();
        await Assert.ThrowsAsync<TimeoutException>(() => grain.HangBriefly());
        Assert.InRange(started.Elapsed, TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(10));
        Assert.Equal(1, await grain.Hanging().Soon());
        Assert.Equal(1, await shared.NewGrain<IFailingGrain>().Count().Soon());
    }

    [Fact]
    public async Task A_token_that_is_cancelled_ends_the_call_and_shows_in_the_grain()
    {
        var grain = shared.NewGrain<IFailingGrain>();
        var gate = Guid.NewGuid().ToString();
        using var source = new CancellationTokenSource();
        var call = grain.SawCancellation(gate, source.Token);
        await Gates.Get(gate).Task.Soon();
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.Soon());
        await Gates.Get(gate + "cancelled").Task.Soon();
    }

    [Fact]
    public async Task The_time_out_of_a_client_and_of_a_silo_are_options()
    {
        await using var cluster = new InProcessTestClusterBuilder(1)
            .ConfigureSilo((_, silo) => silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromMilliseconds(400)))
            .ConfigureClient(client => client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(2)))
            .Build();
        await cluster.DeployAsync();
        var relay = cluster.Client.GetGrain<IRelayGrain>("relay");
        var started = System.Diagnostics.Stopwatch.StartNew();
        Assert.Equal(nameof(TimeoutException), await relay.CatchHang(cluster.Client.GetGrain<IFailingGrain>("one")).Soon());
        await Assert.ThrowsAsync<TimeoutException>(() => cluster.Client.GetGrain<IFailingGrain>("two").Hang().Soon());
        Assert.InRange(started.Elapsed, TimeSpan.FromSeconds(2.2), TimeSpan.FromSeconds(15));
    }

    [Fact]
    public void An_interface_without_a_class_has_no_grains() =>
        Assert.Throws<ArgumentException>(() => shared.Client.GetGrain<INobodysGrain>("key"));

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public void An_empty_key_is_refused(string? key) => Assert.ThrowsAny<ArgumentException>(() => shared.Client.GetGrain<IFailingGrain>(key!));
}

public interface INobodysGrain : IGrainWithStringKey
{
    Task Nothing();
}

public interface IRelayGrain : IGrainWithStringKey
{
    Task<string> CatchFrom(IFailingGrain other, string kind);

    Task<string> CatchHang(IFailingGrain other);
}

public sealed class RelayGrain : Grain, IRelayGrain
{
    public async Task<string> CatchFrom(IFailingGrain other, string kind)
    {
        try
        {
            await other.Throw(kind);
            return "nothing";
        }
        catch (Exception error)
        {
            return error.GetType().Name;
        }
    }

    public async Task<string> CatchHang(IFailingGrain other)
    {
        try
        {
            await other.Hang();
            return "nothing";
        }
        catch (Exception error)
        {
            return error.GetType().Name;
        }
    }
}
