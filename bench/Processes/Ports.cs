using System.Net;
using System.Net.Sockets;

namespace Realtime.Processes;

/// <summary>Ports of loopback for processes that are started.</summary>
public static class Ports
{
    private static int s_last = Random.Shared.Next(10_000);

    /// <summary>
    /// A loopback port on which nobody listens, another one at each call. From below those that the system gives to
    /// outgoing connections, so that it is still free when the process that it is for has started.
    /// </summary>
    public static int Free()
    {
        int port;
        do
            port = 20_000 + Interlocked.Increment(ref s_last) % 10_000;
        while (!IsFree(port));
        return port;
    }

    /// <summary>Whether a server could listen on a port of loopback now.</summary>
    public static bool IsFree(int port)
    {
        using var probe = new TcpListener(IPAddress.Loopback, port);
        try
        {
            probe.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
