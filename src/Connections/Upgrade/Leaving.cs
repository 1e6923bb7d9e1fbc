namespace Realtime.Connections.Upgrade;

/// <summary>A WebSocket that leaves HTTP: takes the socket over when its 101 is sent, and runs the connection.</summary>
internal sealed class Leaving(ConnectionEndpoint endpoint, Peer peer) : IPolledHeir
{
    public Task InTimeAsync(Task sent) => sent.WaitAsync(endpoint.Options.HandshakeTimeout, endpoint.Services.Time);

    public void Take(PolledSocket socket, byte[] unconsumed)
    {
        var transport = new PolledTransport(socket, unconsumed, endpoint.Handler.NeverBlocks);
        var connection = new Connection(endpoint, transport, peer);
        socket.GiveTo(transport);
        // Away from the request's context, which would be kept as long as the connection.
        ThreadPool.UnsafeQueueUserWorkItem(static connection => _ = connection.RunAsync(), connection, preferLocal: true);
    }

    public void Lose()
    {
        Log.AnswerNotSent(endpoint.Services.Logger);
        endpoint.Services.UncountLeft();
        endpoint.Options.Gate?.Failed(peer.UserId, peer.RemoteAddress);
    }
}
