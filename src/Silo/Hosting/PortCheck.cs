using System.Net;
using System.Net.Sockets;

namespace Realtime.Silo.Hosting;

/// <summary>Finds which port of a silo is in use; the listeners' own error does not name it.</summary>
internal static class PortCheck
{
    /// <exception cref="StartException">A port is taken or not allowed.</exception>
    public static Task Run(ClusterSettings settings, IPAddress address)
    {
        Check(nameof(settings.SiloPort), settings.SiloPort);
        Check(nameof(settings.GatewayPort), settings.GatewayPort);
        return Task.CompletedTask;

        void Check(string setting, int port)
        {
            using var probe = new TcpListener(address, port);
            try
            {
                probe.Start();
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                throw new StartException($"Port {port} of Cluster:{setting} is taken by another process, perhaps another silo; each silo on a machine needs ports of its own.");
            }
            catch (SocketException exception)
            {
                throw new StartException($"Port {port} of Cluster:{setting} cannot be listened on: {exception.Message}.");
            }
        }
    }
}
