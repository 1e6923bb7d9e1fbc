using System.Collections.Concurrent;
using Orleans.Providers;
using Orleans.Runtime.Hosting;
using Orleans.Storage;

namespace Realtime.EmbeddedOrleans.Tests.Conformance;

[GenerateSerializer]
public sealed class Account
{
    [Id(0)]
    public int Balance { get; set; }

    [Id(1)]
    public List<int> Bookings { get; set; } = [];
}

public interface IAccountGrain : IGrainWithStringKey
{
    Task<int> Book(int amount);

    Task BookInMemoryOnly(int amount);

    Task<string> Describe();

    Task Clear();

    Task Reload();

    Task End();
}

public sealed class AccountGrain(
    [PersistentState("account")] IPersistentState<Account> account,
    [PersistentState("notes", "other")] IPersistentState<Account> notes) : Grain, IAccountGrain
{
    private int _atActivation;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _atActivation = account.State.Balance;
        return Task.CompletedTask;
    }

    public async Task<int> Book(int amount)
    {
        account.State.Balance += amount;
        account.State.Bookings.Add(amount);
        notes.State.Bookings.Add(-amount);
        await account.WriteStateAsync();
        await notes.WriteStateAsync();
        return account.State.Balance;
    }

    public Task BookInMemoryOnly(int amount)
    {
        account.State.Balance += amount;
        account.State.Bookings.Add(amount);
        return Task.CompletedTask;
    }

    public Task<string> Describe() => Task.FromResult(
        $"{_atActivation} {account.State.Balance} [{string.Join(',', account.State.Bookings)}] [{string.Join(',', notes.State.Bookings)}] {account.RecordExists} {account.Etag is not null}");

    public async Task Clear()
    {
        await account.ClearStateAsync();
        await notes.ClearStateAsync();
    }

    public Task Reload() => account.ReadStateAsync();

    public Task End()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

public interface IOldStyleGrain : IGrainWithStringKey
{
    Task<int> Book(int amount);

    Task End();
}

[StorageProvider(ProviderName = "other")]
public sealed class OldStyleGrain : Grain<Account>, IOldStyleGrain
{
    public async Task<int> Book(int amount)
    {
        State.Balance += amount;
        await WriteStateAsync();
        return State.Balance;
    }

    public Task End()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

public interface IConflictGrain : IGrainWithStringKey
{
    Task<int> Add(int amount);
}

public sealed class ConflictGrain([PersistentState("conflict", "plain")] IPersistentState<Account> account) : Grain, IConflictGrain
{
    public async Task<int> Add(int amount)
    {
        account.State.Balance += amount;
        await account.WriteStateAsync();
        return account.State.Balance;
    }
}

/// <summary>A storage of the tests' own, that outlives every silo, and whose records the tests can change.</summary>
public sealed class PlainStorage : IGrainStorage
{
    public static readonly ConcurrentDictionary<string, (int Balance, int Version)> Records = new();

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        grainState.RecordExists = Records.TryGetValue(Key(stateName, grainId), out var record);
        grainState.State = (T)(object)new Account { Balance = record.Balance };
        grainState.ETag = grainState.RecordExists ? record.Version.ToString() : null;
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = Key(stateName, grainId);
        lock (Records)
        {
            var version = Records.TryGetValue(key, out var record) ? record.Version : 0;
            if ((version == 0 ? null : version.ToString()) != grainState.ETag)
                throw new InconsistentStateException("It was written in between.", version.ToString(), grainState.ETag);
            Records[key] = (((Account)(object)grainState.State!).Balance, version + 1);
            grainState.ETag = (version + 1).ToString();
            grainState.RecordExists = true;
        }

        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        Records.TryRemove(Key(stateName, grainId), out _);
        return Task.CompletedTask;
    }

    public static string Key(string stateName, GrainId grainId) => $"{stateName} {grainId}";
}

/// <summary>The stored states of grains.</summary>
public sealed class StateTests(SharedCluster shared)
{
    [Fact]
    public async Task A_state_is_read_before_activation_and_written_on_demand()
    {
        var grain = shared.NewGrain<IAccountGrain>();
        Assert.Equal("0 0 [] [] False False", await grain.Describe().Soon());
        Assert.Equal(5, await grain.Book(5).Soon());
        Assert.Equal(8, await grain.Book(3).Soon());
        await Again(grain);
        Assert.Equal("8 8 [5,3] [-5,-3] True True", await grain.Describe().Soon());
    }

    [Fact]
    public async Task What_was_not_written_is_lost_with_the_activation()
    {
        var grain = shared.NewGrain<IAccountGrain>();
        await grain.Book(5).Soon();
        await grain.BookInMemoryOnly(100).Soon();
        Assert.Equal("0 105 [5,100] [-5] True True", await grain.Describe().Soon());
        await grain.Reload().Soon();
        Assert.Equal("0 5 [5] [-5] True True", await grain.Describe().Soon());
        await grain.BookInMemoryOnly(100).Soon();
        await Again(grain);
        Assert.Equal("5 5 [5] [-5] True True", await grain.Describe().Soon());
    }

    [Fact]
    public async Task A_cleared_state_is_new()
    {
        var grain = shared.NewGrain<IAccountGrain>();
        await grain.Book(5).Soon();
        await grain.Clear().Soon();
        Assert.Equal("0 0 [] [] False", (await grain.Describe().Soon())[..15]);
        await Again(grain);
        Assert.Equal("0 0 [] [] False", (await grain.Describe().Soon())[..15]);
        Assert.Equal(2, await grain.Book(2).Soon());
    }

    [Fact]
    public async Task The_base_class_with_a_state_uses_the_storage_it_names()
    {
        var grain = shared.NewGrain<IOldStyleGrain>();
        Assert.Equal(5, await grain.Book(5).Soon());
        var ended = shared.Cluster.WaitForDeactivationAsync(grain);
        await grain.End().Soon();
        await ended.Soon();
        Assert.Equal(6, await grain.Book(1).Soon());
    }

    [Fact]
    public async Task A_state_that_another_wrote_is_a_conflict_and_the_next_activation_reads_it()
    {
        await using var cluster = new InProcessTestClusterBuilder(1)
            .ConfigureSilo((_, silo) => silo.Services.AddGrainStorage("plain", (_, _) => new PlainStorage()))
            .Build();
        await cluster.DeployAsync();
        var grain = cluster.Client.GetGrain<IConflictGrain>(Guid.NewGuid().ToString());
        Assert.Equal(1, await grain.Add(1).Soon());
        PlainStorage.Records[PlainStorage.Key("conflict", grain.GetGrainId())] = (50, 7);
        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.Add(1).Soon());
        await Wait.Until(async () =>
        {
            try
            {
                return await grain.Add(1) >= 51;
            }
            catch (InconsistentStateException)
            {
                return false;
            }
        });
    }

    private async Task Again(IAccountGrain grain)
    {
        var ended = shared.Cluster.WaitForDeactivationAsync(grain);
        await grain.End().Soon();
        await ended.Soon();
    }
}
