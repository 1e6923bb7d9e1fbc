namespace Realtime.Bench.Load;

/// <summary>What came of a load.</summary>
/// <param name="Seconds">From the first publish to the last delivery.</param>
/// <param name="Messages">Published.</param>
/// <param name="Delivered">Copies that came.</param>
/// <param name="Expected">Copies that should have come.</param>
/// <param name="Disorder">Copies that were not the next of their room at their connection: lost, doubled or in another order.</param>
/// <param name="Closed">Connections that ended, the slow readers left out.</param>
/// <param name="SendLag">How late, in milliseconds, the generator was at worst with a paced message. It is part of the latencies.</param>
internal sealed record LoadResult(double Seconds, long Messages, long Delivered, long Expected, long Disorder, int Closed, double SendLag)
{
    /// <summary>Every member got every message once, in order, and stayed connected.</summary>
    public bool IsValid => Delivered == Expected && Disorder == 0 && Closed == 0 && Delivered > 0;

    /// <summary>What is wrong when it is not valid.</summary>
    public string Problem => $"{Delivered:#,0} of {Expected:#,0} delivered, {Disorder:#,0} lost, doubled or in disorder, {Closed:#,0} connections lost";
}
