using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Processes;

namespace Realtime.Bench.Servers;

/// <summary>A server under load: ours or a peer's, one process or several.</summary>
internal sealed class Target(IReadOnlyList<ServerProcess> processes, Dialect dialect, int[] ports, IDisposable? besides = null) : IDisposable
{
    public Dialect Dialect => dialect;

    /// <summary>Where clients connect to.</summary>
    public int[] Ports => ports;

    /// <summary>CPU and memory of all processes.</summary>
    public ProcessUsage Usage => ProcessUsage.Of(processes.SelectMany(process => process.Ids()));

    /// <summary>What the processes have written, for the message when something went wrong.</summary>
    public string Output => string.Join('\n', processes.Select(process => process.Output));

    public void Dispose()
    {
        foreach (var process in processes.Reverse())
            process.End();
        besides?.Dispose();
    }
}
