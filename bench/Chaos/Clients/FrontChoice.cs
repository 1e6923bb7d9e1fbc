namespace Realtime.Chaos.Clients;

/// <summary>Where a client goes next: to another front than the one that was lost, where there is one.</summary>
/// <param name="fronts">All that there are now.</param>
internal sealed class FrontChoice(Func<IReadOnlyList<Uri>> fronts)
{
    private Uri? _last;

    public Uri Next()
    {
        var all = fronts();
        Uri[] others = [.. all.Where(front => front != _last)];
        return _last = others.Length > 0 ? others[Random.Shared.Next(others.Length)] : all[0];
    }
}
