using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>The activations of one stateless grain on one silo: a call goes to the one with the least to do.</summary>
internal sealed class StatelessWorkers(Silo silo, GrainClass grainClass, GrainId grainId) : ICallTarget
{
    private readonly List<Activation> _workers = [];

    public bool TryAccept(Call call)
    {
        lock (_workers)
        {
            if (silo.IsDown)
                return false;
            var worker = _workers.MinBy(static worker => worker.Load);
            if (worker is null || (worker.Load > 0 && _workers.Count < grainClass.MaxLocalWorkers))
            {
                worker = new Activation(silo, grainClass, grainId);
                worker.Extras.Workers = this;
                silo.Count();
                _workers.Add(worker);
            }

            return worker.TryAccept(call);
        }
    }

    public bool Remove(Activation worker)
    {
        lock (_workers)
            return _workers.Remove(worker);
    }

    public Activation[] Snapshot()
    {
        lock (_workers)
            return [.. _workers];
    }
}
