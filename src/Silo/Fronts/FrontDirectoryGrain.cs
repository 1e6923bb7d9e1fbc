namespace Realtime.Silo.Fronts;

/// <summary>The fronts that are up, and how to ask them.</summary>
internal sealed class FrontDirectoryGrain : Grain, IFrontDirectoryGrain
{
    private readonly SortedDictionary<string, IFrontObserver> _fronts = new(StringComparer.Ordinal);

    public Task Register(string front, IFrontObserver observer)
    {
        ArgumentException.ThrowIfNullOrEmpty(front);
        ArgumentNullException.ThrowIfNull(observer);
        _fronts[front] = observer;
        DelayDeactivation(TimeSpan.FromDays(3650)); // the list is only here
        return Task.CompletedTask;
    }

    public Task Unregister(string front)
    {
        _fronts.Remove(front);
        return Task.CompletedTask;
    }

    public Task<string[]> List() => Task.FromResult(_fronts.Keys.ToArray());

    public Task<IFrontObserver[]> Observers(string[] fronts)
    {
        ArgumentNullException.ThrowIfNull(fronts);
        return Task.FromResult(fronts.Distinct().Select(front => _fronts.GetValueOrDefault(front)).OfType<IFrontObserver>().ToArray());
    }
}
