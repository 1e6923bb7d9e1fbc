using System.Net;
using System.Net.Sockets;
using System.Text;
using Realtime.Server;

namespace Realtime.WebFront.Tests.Http;

/// <summary>Requests that never come to their end.</summary>
[Collection(ClusterCollection.Name)]
public sealed class SlowRequestTests(Cluster cluster)
{
    [Fact]
    public async Task Headers_that_do_not_come_in_time_are_waited_for_no_longer()
    {
        await using var front = await Front.Start(cluster.Client, null, [("Connections:HandshakeTimeout", "00:00:01")], map: app => app.MapFront(),
            build: builder => builder.ListenAt("http://127.0.0.1:0"));
        using var bound = new CancellationTokenSource(TestClient.Bound);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, front.Addresses[0].Port), bound.Token);
        await socket.SendAsync("GET /ws?user=slow HTTP/1.1\r\nHost: 127.0."u8.ToArray(), bound.Token);
        using var answer = new MemoryStream();
        await using var stream = new NetworkStream(socket);
        await stream.CopyToAsync(answer, bound.Token);
        Assert.StartsWith("HTTP/1.1 408 ", Encoding.ASCII.GetString(answer.ToArray()));
    }
}
