using System.Diagnostics.Metrics;
using System.IO.Compression;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>What waits for a function that does not receive is bounded in bytes, after inflating.</summary>
public class ReceiveQueueTests
{
    private const int Bound = 100_000;
    private const string Offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

    [Theory, Combinatorial<Path>(false, true)]
    public async Task What_waits_is_bounded_in_bytes(Path path, bool fragmented)
    {
        var inbox = new Watched();
        await using var server = await StartAsync(path, inbox);
        using var received = inbox.Watch(server);
        using var client = await server.ConnectRawAsync(headers: Offer);
        int[] sizes = [30_000, 30_000, 30_000, 0, 9_000, 2_000, 99_999, 1, 100_000, 1, 900_000, 0, 5, 70_000, 70_000, 300_000, 100_001, 3, 0, 99_000];
        for (int i = 0; i < sizes.Length; i++)
        {
            var message = Compress(Content(i, sizes[i]));
            int half = fragmented ? message.Length / 2 : 0;
            if (fragmented)
                await client.SendAsync(RawClient.Frame(0x42, message.AsSpan(0, half)));
            await client.SendAsync(RawClient.Frame(fragmented ? 0x80 : 0xC2, message.AsSpan(half)));
        }
        await Waiting.Until(() => inbox.Received >= 98_999); // those that fit have come, as far as they are to

        for (int i = 0; i < sizes.Length; i++)
        {
            long most = Math.Max(Bound, sizes[i]);
            Assert.InRange(inbox.Waiting, 0, most);
            Assert.Equal(Content(i, sizes[i]), await inbox.TakeAsync());
            await Waiting.Until(() => i == sizes.Length - 1 || inbox.Waiting > 0 || sizes[i + 1] == 0);
        }
        await client.SendAsync(RawClient.Frame(0x89, "p"u8));
        Assert.Equal("p", (await client.ReceiveAsync())!.Text);
    }

    [Theory, Combinatorial<Path>]
    public async Task A_message_that_has_come_in_part_counts(Path path)
    {
        var inbox = new Watched();
        await using var server = await StartAsync(path, inbox);
        using var received = inbox.Watch(server);
        using var client = await server.ConnectRawAsync();
        await client.SendAsync(RawClient.Frame(0x82, Content(0, 60_000)));
        await client.SendAsync(RawClient.Frame(0x02, Content(1, 30_000)));
        await client.SendAsync(RawClient.Frame(0x89, "in between"u8));
        Assert.Equal("in between", (await client.ReceiveAsync())!.Text);
        await client.SendAsync(RawClient.Frame(0x80, Content(2, 30_000))); // does not fit
        await client.SendAsync(RawClient.Frame(0x89, "behind"u8));
        Assert.Equal(Content(0, 60_000), await inbox.TakeAsync());
        Assert.Equal("behind", (await client.ReceiveAsync())!.Text);
        Assert.Equal((byte[])[.. Content(1, 30_000), .. Content(2, 30_000)], await inbox.TakeAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task A_connection_that_waits_for_room_can_be_closed(Path path)
    {
        var inbox = new Watched();
        await using var server = await StartAsync(path, inbox);
        using var received = inbox.Watch(server);
        using var client = await server.ConnectRawAsync(headers: Offer);
        for (int i = 0; i < 3; i++)
            await client.SendAsync(RawClient.Frame(0xC2, Compress(Content(i, 60_000))));
        await Waiting.Until(() => inbox.Received >= 60_000);
        var closing = server.Registry.Connections.Single().CloseAsync(CloseCodes.Kicked);
        await client.ReceiveCloseAsync(4002);
        await closing.Within();
        Assert.Equal(0, server.Registry.Count);
        Assert.Equal(Content(0, 60_000), await inbox.TakeAsync()); // what has come can still be received
        inbox.End();
    }

    private static Task<Server> StartAsync(Path path, Watched inbox) => Server.StartAsync(path, inbox.RunAsync, options =>
    {
        options.EnableCompression = true;
        options.ReceiveQueueBytes = Bound;
    });

    private static byte[] Content(int message, int size)
    {
        var content = new byte[size];
        content.AsSpan().Fill((byte)message);
        return content;
    }

    private static byte[] Compress(byte[] data)
    {
        using var target = new MemoryStream();
        using var deflate = new DeflateStream(target, CompressionLevel.Optimal);
        deflate.Write(data);
        deflate.Flush();
        return data.Length == 0 ? [0x00] : target.ToArray()[..^4];
    }

    /// <summary>A function that receives when the test says so, and the count of what the connection has put in its queue.</summary>
    private sealed class Watched
    {
        private readonly TaskCompletionSource<Connection> _connection = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private MeterListener? _listener;
        private long _received, _taken;

        public long Waiting => Received - _taken;

        public long Received
        {
            get
            {
                _listener!.RecordObservableInstruments();
                return Volatile.Read(ref _received);
            }
        }

        public MeterListener Watch(Server server)
        {
            var meters = server.Services.GetRequiredService<IMeterFactory>();
            _listener = new MeterListener
            {
                InstrumentPublished = (instrument, listener) =>
                {
                    if (instrument.Name == "realtime.connection.io" && instrument.Meter.Scope == meters)
                        listener.EnableMeasurementEvents(instrument);
                },
            };
            _listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
            {
                if (tags[0].Value is "receive")
                    Volatile.Write(ref _received, value);
            });
            _listener.Start();
            return _listener;
        }

        public async Task RunAsync(Connection connection)
        {
            _connection.SetResult(connection);
            await _end.Task;
        }

        public async Task<byte[]> TakeAsync()
        {
            var message = await (await _connection.Task.Within()).ReceiveAsync().Within();
            _taken += message.Data.Length;
            return message.Data.ToArray();
        }

        public void End() => _end.SetResult();
    }
}
