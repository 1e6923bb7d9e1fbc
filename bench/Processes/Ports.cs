using System.Net;
using System.Net.Sockets;

namespace Realtime.Processes;

/// <summary>Ports of loopback for processes that are started.</summary>
public static class Ports
{
    // From below those that the system gives to outgoing connections: a port is still free when the process that it is for has started.
    private const int First = 20_000, Blocks = 100, BlockSize = 100;

    private static readonly Lock s_gate = new();
    private static Socket? s_claim;
    private static int s_last;

    /// <summary>
    /// A loopback port on which nobody listens, another one at each call. It is of a block that is this process's alone, so that
    /// others who start servers at the same time choose other ports.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static int Free()
    {
        lock (s_gate)
        {
            s_claim ??= ClaimBlock();
            var first = ((IPEndPoint)s_claim.LocalEndPoint!).Port;
            for (var i = 0; i < BlockSize; i++)
            {
                s_last = (s_last + 1) % BlockSize;
                if (IsFree(first + s_last))
                    return first + s_last;
            }
            throw new InvalidOperationException($"All ports from {first} to {first + BlockSize - 1} are taken.");
        }
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

    /// <summary>Who has the UDP port of a block's first number has the block, until its process ends; servers here use TCP only.</summary>
    private static Socket ClaimBlock()
    {
        var begin = Random.Shared.Next(Blocks);
        for (var i = 0; i < Blocks; i++)
        {
            var claim = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                claim.Bind(new IPEndPoint(IPAddress.Loopback, First + (begin + i) % Blocks * BlockSize));
                return claim;
            }
            catch (SocketException)
            {
                claim.Dispose();
            }
        }
        throw new InvalidOperationException($"{Blocks} processes start servers on this machine already.");
    }
}
