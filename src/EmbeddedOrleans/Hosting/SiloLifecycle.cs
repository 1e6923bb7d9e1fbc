using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>Runs what has subscribed: stage by stage upwards at the start, downwards at the stop; within a stage at once.</summary>
internal sealed class SiloLifecycle(ILogger<SiloLifecycle> log) : ISiloLifecycle
{
    private readonly List<(string Name, int Stage, ILifecycleObserver Observer)> _observers = [];

    public int HighestCompletedStage { get; private set; } = int.MinValue;

    public int LowestStoppedStage { get; private set; } = int.MaxValue;

    public IDisposable Subscribe(string observerName, int stage, ILifecycleObserver observer)
    {
        var entry = (observerName, stage, observer);
        lock (_observers)
            _observers.Add(entry);
        return new Unsubscription(() =>
        {
            lock (_observers)
                _observers.Remove(entry);
        });
    }

    public async Task OnStart(CancellationToken cancellationToken)
    {
        foreach (var stage in Stages())
        {
            cancellationToken.ThrowIfCancellationRequested();
            await Task.WhenAll(stage.Select(entry => entry.Observer.OnStart(cancellationToken))).ConfigureAwait(false);
            HighestCompletedStage = stage.Key;
        }
    }

    /// <summary>What has not started is not stopped. An error in stopping is logged, and the rest stops.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Logged: everything must have its chance to stop.")]
    public async Task OnStop(CancellationToken cancellationToken)
    {
        foreach (var stage in Stages().AsEnumerable().Reverse().Where(stage => stage.Key <= HighestCompletedStage))
        {
            try
            {
                await Task.WhenAll(stage.Select(entry => entry.Observer.OnStop(cancellationToken))).ConfigureAwait(false);
            }
            catch (Exception error)
            {
                log.LogError(error, "Stopping stage {Stage} failed.", stage.Key);
            }

            LowestStoppedStage = stage.Key;
        }
    }

    private List<IGrouping<int, (string Name, int Stage, ILifecycleObserver Observer)>> Stages()
    {
        lock (_observers)
            return [.. _observers.GroupBy(entry => entry.Stage).OrderBy(stage => stage.Key)];
    }

    private sealed class Unsubscription(Action remove) : IDisposable
    {
        public void Dispose() => remove();
    }
}
