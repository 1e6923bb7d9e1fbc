using Orleans.Services;

namespace Realtime.PushStreams.Producing;

/// <summary>
/// Where the work of producers runs. On a silo that is the scheduler of a grain service: calls made from outside of
/// grains lose their acknowledgements while the silo shuts down.
/// </summary>
internal sealed class Pump
{
    private TaskScheduler _scheduler = TaskScheduler.Default;

    public void UseCurrentScheduler() => Volatile.Write(ref _scheduler, TaskScheduler.Current);

    /// <summary>Without the caller's context: what is sent for many callers belongs to the trace of none. The work has its own guard.</summary>
    public void Start(Func<object?, Task> work, object state)
    {
        if (ExecutionContext.IsFlowSuppressed())
        {
            Queue();
            return;
        }
        using (ExecutionContext.SuppressFlow())
            Queue();

        void Queue()
        {
            try
            {
                On(Volatile.Read(ref _scheduler));
            }
            catch (TaskSchedulerException)
            {
                On(TaskScheduler.Default); // the silo's takes nothing any more
            }
        }

        void On(TaskScheduler scheduler) => _ = Task.Factory.StartNew(work, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler);
    }
}

/// <summary>Lends its scheduler to the producers of its silo.</summary>
internal interface IPushPump : IGrainService;

/// <summary>
/// A grain service, as the answers to its calls come back to its silo by its address. A client's answer to a grain is sent
/// to wherever the grain is found, which for a stateless worker is any silo.
/// </summary>
internal sealed class PushPump(GrainId id, Orleans.Runtime.Silo silo, ILoggerFactory log, IServiceProvider services, IEnumerable<PushProviderName> providers)
    : GrainService(id, silo, log), IPushPump
{
    public override Task Start()
    {
        foreach (var name in providers)
            PushStreamProvider.Of(services, name.Value).Pump.UseCurrentScheduler();
        return base.Start();
    }
}

/// <summary>A provider that this process has.</summary>
internal sealed record PushProviderName(string Value);
