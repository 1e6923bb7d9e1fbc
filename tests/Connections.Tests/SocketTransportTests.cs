using System.Net;
using System.Net.Sockets;
using Realtime.Connections.Tests.Support;

namespace Realtime.Connections.Tests;

/// <summary>Both ways of sending without waiting: the one for Linux and the one for everywhere else.</summary>
public class SocketTransportTests
{
    public delegate int TrySend(Socket socket, ReadOnlySpan<byte> bytes);

    public static TheoryData<string, TrySend> Ways()
    {
        var ways = new TheoryData<string, TrySend> { { "portable", SocketTransport.TrySendPortable } };
        if (OperatingSystem.IsLinux())
            ways.Add("libc", SocketTransport.TrySendLibc);
        return ways;
    }

    [Theory, MemberData(nameof(Ways), DisableDiscoveryEnumeration = true)]
    public async Task It_takes_what_fits_then_nothing_and_never_waits(string way, TrySend send)
    {
        var (socket, peer) = await PairAsync();
        using var _ = socket;
        using var __ = peer;
        Assert.Equal(5, send(socket, "hello"u8));
        long sent = 5;
        var bytes = new byte[100_000];
        int taken;
        while ((taken = send(socket, bytes)) > 0)
            sent += taken;
        Assert.True(taken == 0, way);

        long received = 0;
        while (received < sent)
            received += await peer.ReceiveAsync(bytes.AsMemory()).Within();
        Assert.Equal(sent, received);
        await Waiting.Until(() => send(socket, "more"u8) > 0);
    }

    [Theory, MemberData(nameof(Ways), DisableDiscoveryEnumeration = true)]
    public async Task It_says_when_the_peer_is_gone(string way, TrySend send)
    {
        var (socket, peer) = await PairAsync();
        using var _ = socket;
        peer.LingerState = new LingerOption(true, 0); // a reset
        peer.Dispose();
        await Waiting.Until(() => send(socket, "x"u8) == ITransport.Gone);
        socket.Dispose();
        Assert.True(send(socket, "x"u8) == ITransport.Gone, way);
    }

    [Fact]
    public async Task A_long_send_gives_everything_back_and_fails_when_the_peer_goes()
    {
        var (socket, peer) = await PairAsync();
        using var _ = socket;
        var bytes = new byte[10_000_000];
        var sending = Task.Run(async () =>
        {
            for (int sent = 0; sent < bytes.Length;)
                sent += await SocketSend.SendAsync(socket, bytes.AsMemory(sent));
        });
        long received = 0;
        var buffer = new byte[100_000];
        while (received < bytes.Length)
            received += await peer.ReceiveAsync(buffer.AsMemory()).Within();
        await sending.Within();

        var failing = Task.Run(async () =>
        {
            while (true)
                await SocketSend.SendAsync(socket, bytes);
        });
        peer.LingerState = new LingerOption(true, 0);
        peer.Dispose();
        await Assert.ThrowsAsync<SocketException>(() => failing).Within();
    }

    private static async Task<(Socket, Socket)> PairAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var accepting = listener.AcceptAsync();
        await client.ConnectAsync(listener.LocalEndPoint!).Within();
        return (await accepting.Within(), client);
    }
}
