namespace Realtime.Silo.Hosting;

/// <summary>Waits that double, up to the longest.</summary>
internal sealed class BackOff(TimeSpan first, TimeSpan longest)
{
    private TimeSpan _next = first;

    public TimeSpan Next()
    {
        var now = _next;
        _next = now * 2 < longest ? now * 2 : longest;
        return now;
    }
}
