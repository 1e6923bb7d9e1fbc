using System.Reflection;
using Orleans.Core;
using Orleans.Providers;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>What grain code adds to its activation: timers, states, call chains that may come back.</summary>
internal sealed partial class Activation
{
    public IGrainTimer AddTimer<TState>(Func<TState, CancellationToken, Task> callback, TState state, GrainTimerCreationOptions options)
    {
        var timer = new GrainTimer<TState>(this, callback, state, options);
        lock (this)
        {
            if (_state == ActivationState.Dead)
                throw new InvalidOperationException($"{GrainId} has been deactivated and cannot have timers any more.");
            (Extras.Timers ??= []).Add(timer);
        }

        timer.Change(options.DueTime, options.Period);
        return timer;
    }

    public void RemoveTimer(GrainTimer timer)
    {
        lock (this)
            _extras?.Timers?.Remove(timer);
    }

    /// <summary>A state that is read before OnActivateAsync.</summary>
    public void AddState(IStoredState state)
    {
        lock (this)
            (Extras.States ??= []).Add(state);
    }

    public IStorage<TState> StateOfGrain<TState>(Type grainClass)
    {
        var storage = grainClass.GetCustomAttribute<StorageProviderAttribute>()?.ProviderName;
        return StoredState<TState>.Create(this, grainClass.FullName ?? grainClass.Name, storage);
    }

    public void EnterChain(Guid id)
    {
        lock (this)
        {
            var chains = Extras.ReentrantChains ??= [];
            chains[id] = chains.GetValueOrDefault(id) + 1;
        }
    }

    public void LeaveChain(Guid id)
    {
        lock (this)
        {
            if (_extras?.ReentrantChains is not { } chains || !chains.TryGetValue(id, out var count))
                return;
            if (count == 1)
                chains.Remove(id);
            else
                chains[id] = count - 1;
        }
    }
}
