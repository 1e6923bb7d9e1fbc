using System.Net;
using System.Net.Sockets;
using Orleans.Hosting;

namespace Realtime.Silo;

/// <summary>A silo that is a cluster of its own.</summary>
public static class SingleProcess
{
    /// <summary>
    /// Makes this silo the only one. It listens on loopback ports that are free at the start, since nobody else has to
    /// find it, so several such processes can run on one machine.
    /// </summary>
    public static ISiloBuilder UseSingleProcess(this ISiloBuilder silo) =>
        silo.UseLocalhostClustering(siloPort: FreePort(), gatewayPort: FreePort());

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
