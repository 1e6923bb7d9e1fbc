using System.Net.Sockets;
using System.Text.Json.Nodes;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>What direct messages of one user do to another who reads slowly, and to what others send there.</summary>
[Collection(ClusterCollection.Name)]
public sealed class DirectFloodTests(Cluster cluster)
{
    [Fact]
    public async Task A_flood_of_direct_messages_closes_no_receiver_and_keeps_nobody_elses_messages_from_it()
    {
        // Of the flood far more than the queue and what the kernel keeps.
        await using var front = await cluster.StartFront(null, ("Connections:WriteTimeout", "00:10:00"), ("Connections:QueueMessages", "100"));
        var name = "victim-" + Guid.NewGuid().ToString("N");
        await using var victim = await ConnectStopped(front, name);
        await victim.Join(name);
        var (user, room) = (cluster.Client.GetGrain<IUserGrain>(name), cluster.Client.GetGrain<IRoomGrain>(name));

        var filler = new string('x', 60_000);
        for (var i = 0; i < 200; i++)
            Assert.Equal(1, await user.Send(new RoomMessage { From = "mallory", Content = $"{i:d3}{filler}" }));
        Assert.Equal(1, await user.Send(new RoomMessage { From = "alice", Content = "hi" }));
        Assert.Equal(1, await user.SendText("""{"of":"a service"}"""));
        for (var i = 0; i < 200; i++)
            Assert.Equal(1, await user.Send(new RoomMessage { From = "mallory", Content = $"{200 + i:d3}{filler}" }));
        await room.Broadcast(new RoomMessage { Content = "a room whose slow members are disconnected" });

        var last = -1;
        var (alices, services, dropped, rooms) = (0, 0, 0, 0);
        while (rooms == 0 || last < 399)
        {
            var frame = await victim.Receive();
            switch ((string?)frame["type"], (string?)(frame["from"] ?? frame["sender"]))
            {
                case ("dropped", "mallory"):
                    Assert.True((bool)frame["direct"]!);
                    dropped++;
                    break;
                case ("message", "mallory"):
                    var number = int.Parse(((string)frame["content"]!).AsSpan(0, 3));
                    Assert.InRange(number, last + 1, 399);
                    Assert.True(number == last + 1 || dropped > 0, "a gap that nothing tells of");
                    last = number;
                    break;
                case ("message", "alice"):
                    alices++;
                    break;
                case (null, null):
                    services++;
                    break;
                case ("message", null):
                    rooms++;
                    break;
                default:
                    Assert.Fail(frame.ToJsonString());
                    break;
            }
        }
        Assert.Equal((1, 1), (alices, services));
        Assert.InRange(dropped, 1, 100);
        Assert.Empty(await victim.Drain()); // it is open
    }

    [Fact]
    public async Task Who_reads_gets_every_direct_message()
    {
        await using var front = await cluster.StartFront();
        var name = "reader-" + Guid.NewGuid().ToString("N");
        await using var reader = await front.Connect(name);
        var user = cluster.Client.GetGrain<IUserGrain>(name);
        for (var i = 0; i < 100; i++)
        {
            await user.Send(new RoomMessage { From = "bob", Content = $"{i}" });
            Assert.Equal($"{i}", (string?)(await reader.Receive("message"))["content"]);
        }
    }

    /// <summary>A client for which the kernel keeps little.</summary>
    private static async Task<TestClient> ConnectStopped(Front front, string user)
    {
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancel) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveBufferSize = 8 * 1024 };
                await socket.ConnectAsync(context.DnsEndPoint, cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        var client = await TestClient.Connect(new Uri($"ws://{front.Address.Authority}/ws?user={user}"), invoker: invoker);
        Assert.Empty(await client.Drain());
        return client;
    }
}
