using Microsoft.Extensions.Options;
using Orleans;
using Realtime.Grains;

namespace Realtime.WebFront;

/// <summary>The front's way to grains. Calls are repeated while a silo dies and another takes over.</summary>
internal sealed class GrainCalls(IGrainFactory grains, IOptions<FrontOptions> options, TimeProvider time)
{
    private long _batch;

    /// <summary>This front's id: new at each start, so that events for a former process never reach this one.</summary>
    public string Front { get; } = Guid.NewGuid().ToString("N")[..12];

    public IClusterGrain Cluster => grains.GetGrain<IClusterGrain>(IClusterGrain.Key);

    public IRoomGrain Room(string name) => grains.GetGrain<IRoomGrain>(name);

    public IUserGrain User(string id) => grains.GetGrain<IUserGrain>(id);

    public IRevocationGrain Revocations => grains.GetGrain<IRevocationGrain>(IRevocationGrain.Key);

    /// <summary>Numbers the calls to rooms, so that a room recognises a repeat.</summary>
    public long NextBatch() => Interlocked.Increment(ref _batch);

    /// <summary>Calls, and repeats for up to <see cref="FrontOptions.CallTimeout"/> what fails as silos die. It may run twice.</summary>
    public Task<T> Call<T>(Func<Task<T>> call) => Retry.Transient(call, options.Value.CallTimeout, time);

    /// <summary>A time for <see cref="IsLate"/>.</summary>
    public long Now => time.GetTimestamp();

    /// <summary>Whether a call that began then would not be repeated any more.</summary>
    public bool IsLate(long start) => time.GetElapsedTime(start) >= options.Value.CallTimeout;

    /// <summary>As <see cref="Call"/>, for a call that has begun at <paramref name="start"/> and failed.</summary>
    public Task<T> Repeat<T>(Func<Task<T>> call, Exception failure, long start) => Retry.After(failure, call, start, options.Value.CallTimeout, time);
}
