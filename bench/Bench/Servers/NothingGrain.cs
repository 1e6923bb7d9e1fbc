using Orleans;

namespace Realtime.Bench.Servers;

/// <summary>A grain that holds nothing: what Orleans itself takes for one.</summary>
[Alias("bench.nothing")]
public interface INothingGrain : IGrainWithStringKey
{
    [Alias("Nothing")]
    Task Nothing();
}

internal sealed class NothingGrain : Grain, INothingGrain
{
    public Task Nothing() => Task.CompletedTask;
}
