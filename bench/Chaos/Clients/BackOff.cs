namespace Realtime.Chaos.Clients;

/// <summary>Full jitter, as in the JavaScript client: uniform in 0 to base * 2^attempt, so that nobody comes back together.</summary>
internal static class BackOff
{
    /// <summary>The JavaScript client's own first step.</summary>
    private static readonly TimeSpan s_base = TimeSpan.FromSeconds(1);

    /// <summary>Below that client's half minute: a run lasts about a minute and is to see everybody come back.</summary>
    private static readonly TimeSpan s_most = TimeSpan.FromSeconds(4);

    public static TimeSpan Next(int attempt) =>
        Random.Shared.NextDouble() * TimeSpan.FromSeconds(Math.Min(s_most.TotalSeconds, s_base.TotalSeconds * Math.Pow(2, Math.Min(attempt, 10))));
}
