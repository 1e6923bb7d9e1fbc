using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>What a reader that stops costs the process and the others. Alone, because it looks at the process's memory.</summary>
[Collection(Name)]
[CollectionDefinition(Name, DisableParallelization = true)]
public class StoppedReaderTests
{
    private const string Name = "alone";
    private const int Count = 10_000, Part = 1_000, Size = 1024, PerFrame = 10;
    private const int QueueMessages = 200, QueueBytes = 256 * 1024;
    private const int InOneWrite = 64 * 1024; // WriteBufferSize
    private const int FrameBytes = PerFrame * (Size + 4);
    private const string TenKeys = "abcdefghij";

    private readonly Recorder _recorder = new();

    [Theory, Combinatorial<Path>("disconnect", "drop oldest", "conflate")]
    public async Task Ten_thousand_messages_pass_a_reader_that_stopped(Path path, string policy)
    {
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), options =>
        {
            options.QueueMessages = QueueMessages;
            options.QueueBytes = QueueBytes;
        }, builder => builder.AddHandler(_recorder));
        using var reader = await server.ConnectRawAsync();
        await _recorder.ConnectionAsync();
        using var stopped = await RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 8 * 1024);
        var connection = await _recorder.ConnectionAsync();
        var topic = new NumberedTopic("T", keys: policy == "conflate");

        var memory = new List<long>();
        for (int first = 1; first <= Count; first += PerFrame)
        {
            var frame = topic.Of("e", first, TenKeys, Size);
            server.Registry.Broadcast(policy == "disconnect" ? Frame.Join([frame, Frame.Text("joined frames have no topic")]) : frame);
            // The reader has all of it before the next goes out: nobody waits for the other one.
            for (int i = 0; i < PerFrame; i++)
                Assert.Equal($"T{first + i}", await ReadAsync(reader));
            if (policy == "disconnect")
                await reader.ReceiveAsync();
            // The last frame that is taken may go over the bound, and the last one of a write over its size.
            Assert.InRange(connection.QueuedMessages, 0, QueueMessages + InOneWrite / Size + 2 * PerFrame);
            Assert.InRange(connection.QueuedBytes, 0, QueueBytes + InOneWrite + 2 * FrameBytes);
            if ((first - 1) % Part == 0)
                memory.Add(GC.GetTotalMemory(forceFullCollection: true));
        }
        memory.Add(GC.GetTotalMemory(forceFullCollection: true));
        // 10 MB went by. The write is there twice, as frames and joined; the rest is for what else a process does. What would be kept of
        // the messages would grow with all parts of them, and the buffers that a pool takes for itself come in one or two.
        long growth = memory.Zip(memory.Skip(1), (before, after) => after - before).Order().SkipLast(2).Sum();
        Assert.InRange(growth, long.MinValue, QueueBytes + 2 * FrameBytes + 2 * InOneWrite + 512 * 1024);

        if (policy == "disconnect")
        {
            Assert.Equal((CloseCodes.SlowConsumer, "slow consumer; reconnect and resume"), connection.CloseStatus);
            Assert.InRange(connection.QueuedBytes, 0, FrameBytes + InOneWrite);
            Assert.Equal("slow consumer; reconnect and resume", (await stopped.ReceiveCloseAsync(CloseCodes.SlowConsumer)).CloseReason);
            return;
        }
        int next = 1, told = 0;
        while (next <= Count)
        {
            string word = await ReadAsync(stopped);
            if (word == $"T{next}")
            {
                next++;
                continue;
            }
            // What is missing is told before what comes after it, neither more nor less.
            Assert.StartsWith($"T e:{next}-", word);
            int to = int.Parse(word.AsSpan(word.IndexOf('-') + 1));
            Assert.InRange(to, next, Count - TenKeys.Length);
            told += to - next + 1;
            next = to + 1;
        }
        Assert.InRange(told, 1, Count - QueueMessages / 2);
        Assert.True(connection.IsConnected);
        await Waiting.Until(() => connection.QueuedMessages == 0);
        Assert.True(connection.Deliver(topic.Of("e", Count + 1, "a")));
        Assert.Equal($"T{Count + 1}", await ReadAsync(stopped));
    }

    private static async Task<string> ReadAsync(RawClient client)
    {
        var frame = await client.ReceiveAsync();
        Assert.NotNull(frame);
        return NumberedTopic.Read(frame.Opcode == 1, frame.Payload);
    }
}
