using System.Net;
using System.Net.Sockets;

namespace Realtime.Tests.Shared;

internal static class Ports
{
    private static int s_last = Random.Shared.Next(10_000);

    /// <summary>
    /// A loopback port on which nobody listens, another one at each call. From below those that the system gives to
    /// outgoing connections, so that it is still free when the process that it is for has started.
    /// </summary>
    public static int Free()
    {
        while (true)
        {
            var port = 20_000 + Interlocked.Increment(ref s_last) % 10_000;
            using var probe = new TcpListener(IPAddress.Loopback, port);
            try
            {
                probe.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken; the next one.
            }
        }
    }
}
