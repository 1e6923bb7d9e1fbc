using Realtime.Silo.Hosting;
using Realtime.WebFront;

namespace Realtime.Server;

/// <summary>Says of a front that has not joined its cluster what it waits for: silos, or the database.</summary>
internal sealed class ClusterDependency(LateStart start, ConnectionRetry? connection = null, SiloState? silo = null) : IFrontDependency
{
    public string? WaitsFor => start.IsDone ? null : connection?.WaitsFor ?? silo?.WaitsFor;
}
