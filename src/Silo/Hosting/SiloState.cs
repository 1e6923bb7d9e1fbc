namespace Realtime.Silo.Hosting;

/// <summary>How far a silo has come, for who asks whether it is ready.</summary>
internal sealed class SiloState
{
    private volatile string? _waitsFor = "The silo starts.";

    /// <summary>Why the silo is not in the cluster yet; null when it is.</summary>
    public string? WaitsFor => _waitsFor;

    public void Wait(string what) => _waitsFor = what;

    public void Joined() => _waitsFor = null;
}
