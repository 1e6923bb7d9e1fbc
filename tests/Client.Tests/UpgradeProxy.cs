using System.Net.Sockets;
using System.Text;

namespace Realtime.Client.Tests;

/// <summary>A proxy before a server, as it stands on ways that mean WebSockets no good. Each connection has one request for an upgrade, or none.</summary>
internal sealed class UpgradeProxy(Uri server, UpgradeProxy.Mind first) : LoopbackProxy(server)
{
    private int _upgrades, _requests;

    public enum Mind
    {
        Passes,

        /// <summary>It answers 400 to an upgrade, as one does that passes its headers on to nobody.</summary>
        Refuses,

        /// <summary>It closes a WebSocket after 300 ms.</summary>
        Cuts,

        /// <summary>It lets a handshake pass, and of what comes from the server nothing more.</summary>
        Swallows,

        /// <summary>It closes whatever comes.</summary>
        Breaks,
    }

    public Mind Now { get; set; } = first;

    public Uri Address => new($"ws://127.0.0.1:{Port}/ws");

    /// <summary>Connections that wanted an upgrade.</summary>
    public int Upgrades => Volatile.Read(ref _upgrades);

    /// <summary>All others.</summary>
    public int Requests => Volatile.Read(ref _requests);

    protected override async Task Relay(Socket near, Socket far)
    {
        var head = new byte[16 * 1024];
        var length = await near.ReceiveAsync(head);
        var isUpgrade = Encoding.ASCII.GetString(head, 0, length).Contains("Upgrade: websocket", StringComparison.OrdinalIgnoreCase);
        Interlocked.Increment(ref isUpgrade ? ref _upgrades : ref _requests);
        var mind = Now;
        if (mind == Mind.Breaks)
            return;
        if (isUpgrade && mind == Mind.Refuses)
        {
            await near.SendAsync("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
            return;
        }
        await far.SendAsync(head.AsMemory(0, length));
        var ends = Task.WhenAny(Copy(near, far), Copy(far, near, isUpgrade && mind == Mind.Swallows));
        await (isUpgrade && mind == Mind.Cuts ? Task.WhenAny(ends, Task.Delay(300)) : ends);
    }
}
