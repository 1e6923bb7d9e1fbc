using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>What comes on a connection that closes. Alone, because it counts what the process allocates.</summary>
[Collection(AloneCollection.Name)]
public class ClosingMemoryTests
{
    [Theory, Combinatorial<Path>]
    public async Task A_flood_is_thrown_away_without_memory_of_its_own_while_an_abandoned_handler_has_its_message(Path path)
    {
        var never = new TaskCompletionSource();
        var received = new TaskCompletionSource<Connection>();
        var recorder = new Recorder
        {
            Message = (connection, _) =>
            {
                received.TrySetResult(connection);
                return new(never.Task);
            },
        };
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"),
            options => options.CloseTimeout = TimeSpan.FromSeconds(3), builder => builder.AddHandler(recorder));
        using var client = await server.ConnectRawAsync();
        await client.SendTextAsync("x");
        var connection = await received.Task.Within();
        _ = connection.CloseAsync(CloseCodes.RateLimited, "too much");
        await client.ReceiveCloseAsync(CloseCodes.RateLimited, answer: false);

        long before = GC.GetTotalAllocatedBytes(precise: true);
        await Task.Run(() => Flood(client)).Within();
        // In that time some 4 MB are read.
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 3_000_000);
        never.SetResult();
    }

    private static void Flood(RawClient client)
    {
        var frames = Enumerable.Repeat(RawClient.Text(new string('x', 16_000)), 10).SelectMany(frame => frame).ToArray();
        try
        {
            while (true)
                client.Socket.Send(frames);
        }
        catch (SocketException)
        {
            // The server has cut it.
        }
    }
}
