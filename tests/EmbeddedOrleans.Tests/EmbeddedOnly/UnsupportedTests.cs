namespace Realtime.EmbeddedOrleans.Tests.EmbeddedOnly;

public interface IAskingGrain : IGrainWithStringKey
{
    Task Ask();

    IAsyncEnumerable<int> Count();
}

public sealed class AskingGrain : Grain, IAskingGrain
{
    public Task Ask() => Task.CompletedTask;

    public async IAsyncEnumerable<int> Count()
    {
        await Task.Yield();
        yield return 1;
    }
}

/// <summary>What this engine does not have says so.</summary>
public sealed class UnsupportedTests(SharedCluster shared)
{
    [Fact]
    public void A_method_that_cannot_be_called_is_named_when_the_reference_is_made()
    {
        Engine.SkipUnlessEmbedded("Orleans has them.");
        var error = Assert.ThrowsAny<Exception>(() => shared.NewGrain<IAskingGrain>());
        Assert.Contains($"{nameof(IAskingGrain)}.{nameof(IAskingGrain.Count)}", error.ToString(), StringComparison.Ordinal);
    }
}
