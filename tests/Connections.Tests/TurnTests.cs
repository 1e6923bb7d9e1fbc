using System.Buffers.Binary;
using Microsoft.AspNetCore.Builder;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>A connection that has much to say gives way to others. Alone, because it counts what the thread pool does.</summary>
[Collection(Name)]
[CollectionDefinition(Name, DisableParallelization = true)]
public class TurnTests
{
    private const string Name = "turns";
    private const int Count = 8000, MostInOneGo = 64;

    [Theory, Combinatorial<Path>]
    public async Task Pings_are_all_answered_in_order_and_in_turns(Path path)
    {
        await using var server = await Server.EchoAsync(path, options => options.MaxControlFrames = 0);
        using var client = await server.ConnectRawAsync();
        var payload = new byte[2];
        var pings = new MemoryStream();
        for (int i = 0; i < Count; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)i);
            pings.Write(RawClient.Frame(0x89, payload));
        }
        await AssertTurns(async () =>
        {
            await client.SendAsync(pings.ToArray());
            for (int i = 0; i < Count; i++)
            {
                var pong = await client.ReceiveAsync();
                Assert.Equal((0x8A, i), (pong!.First, BinaryPrimitives.ReadUInt16BigEndian(pong.Payload)));
            }
        });
    }

    [Theory, Combinatorial<Path>(false, true)]
    public async Task Messages_of_a_handler_that_completes_at_once_come_in_turns(Path path, bool neverBlocks)
    {
        var handler = new Counting(neverBlocks);
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Counting>("/ws"), build: builder => builder.AddHandler(handler));
        using var client = await server.ConnectRawAsync();
        var messages = Enumerable.Repeat(RawClient.Text("x"), Count).SelectMany(frame => frame).ToArray();
        await AssertTurns(async () =>
        {
            await client.SendAsync(messages);
            await handler.All.Task.Within();
        });
        await client.SendAsync([.. RawClient.Frame(0x89, "still there"u8)]);
        Assert.Equal("still there", (await client.ReceiveAsync())!.Text);
    }

    [Theory, Combinatorial<Path>]
    public async Task Fragments_without_content_come_in_turns(Path path)
    {
        await using var server = await Server.EchoAsync(path, options => options.MaxControlFrames = 0);
        using var client = await server.ConnectRawAsync();
        var fragments = Enumerable.Repeat(RawClient.Frame(0x00, []), Count).SelectMany(frame => frame).ToArray();
        await AssertTurns(async () =>
        {
            await client.SendAsync([.. RawClient.Frame(0x01, "a"u8), .. fragments, .. RawClient.Frame(0x80, "z"u8)]);
            Assert.Equal("az", await client.ReceiveTextAsync());
        });
    }

    // Each turn is a work item of the thread pool.
    private static async Task AssertTurns(Func<Task> work)
    {
        long before = ThreadPool.CompletedWorkItemCount;
        await work();
        Assert.InRange(ThreadPool.CompletedWorkItemCount - before, Count / MostInOneGo, long.MaxValue);
    }

    private sealed class Counting(bool neverBlocks) : ConnectionHandler
    {
        private int _count;

        public TaskCompletionSource All { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override bool NeverBlocks => neverBlocks;

        public override ValueTask OnMessage(Connection connection, Message message)
        {
            if (++_count == Count)
                All.SetResult();
            return default;
        }
    }
}
