namespace Realtime.PushStreams.Producing;

/// <summary>
/// Where the work of producers runs. On a silo that is the scheduler of a grain on that silo: calls made from outside of
/// grains lose their acknowledgements while the silo shuts down.
/// </summary>
internal sealed class Pump
{
    private TaskScheduler _scheduler = TaskScheduler.Default;

    public void UseCurrentScheduler() => Volatile.Write(ref _scheduler, TaskScheduler.Current);

    public void Start(Func<object?, Task> work, object state) =>
        _ = Task.Factory.StartNew(work, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach, Volatile.Read(ref _scheduler));
}

/// <summary>Lends its scheduler to the producers of its silo.</summary>
internal interface IPushPumpGrain : IGrainWithStringKey
{
    Task Attach();
}

/// <summary>The key is the provider's name. A stateless worker is always on the silo that calls it.</summary>
[StatelessWorker(1), Reentrant, KeepAlive]
internal sealed class PushPumpGrain(IServiceProvider services) : Grain, IPushPumpGrain
{
    public Task Attach()
    {
        PushStreamProvider.Of(services, this.GetPrimaryKeyString()).Pump.UseCurrentScheduler();
        return Task.CompletedTask;
    }
}
