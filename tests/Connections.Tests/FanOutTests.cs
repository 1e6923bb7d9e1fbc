using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

public class FanOutTests
{
    [Theory]
    [InlineData(Path.Polled, 1500, 200)] // enough to be shared among cores
    [InlineData(Path.Layered, 1000, 300)]
    [InlineData(Path.Portable, 200, 300)]
    public async Task Every_member_gets_every_message_once_and_in_order(Path path, int members, int messages)
    {
        await using var server = await Server.EchoAsync(path, options => options.QueueMessages = 10_000);
        var clients = new List<RawClient>();
        for (int i = 0; i < members; i++)
            clients.Add(await server.ConnectRawAsync());
        await Waiting.Until(() => server.Registry.Count == members);
        foreach (var connection in server.Registry.Connections)
            Assert.True(server.Registry.Join(connection, "room"));

        var reading = Task.WhenAll(clients.Select(async client =>
        {
            for (int i = 0; i < messages; i++)
                Assert.Equal($"message {i}", await client.ReceiveTextAsync());
        }));
        var builder = new FrameBuilder();
        for (int i = 0; i < messages;)
        {
            for (int batch = i % 5; batch >= 0 && i < messages; batch--, i++)
            {
                builder.BeginText();
                builder.Write(System.Text.Encoding.ASCII.GetBytes($"message {i}"));
                builder.End();
            }
            Assert.Equal(members, server.Registry.BroadcastToRoom("room", builder.Build()));
        }
        await reading.Within(60);
        clients.ForEach(client => client.Dispose());
        await Waiting.Until(() => server.Registry.Count == 0);
        Assert.Empty(server.Registry.Rooms);
    }

    [Fact]
    public async Task Members_that_come_and_go_disturb_nobody()
    {
        await using var server = await Server.EchoAsync(Path.Polled, options => options.QueueMessages = 10_000);
        using var steady = await server.ConnectRawAsync();
        await Waiting.Until(() => server.Registry.Count == 1);
        using var stop = new CancellationTokenSource();
        var churn = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                using var client = await server.ConnectRawAsync();
                await client.SendAsync(RawClient.Close(1000));
                await client.ReceiveCloseAsync(1000, answer: false);
            }
        })));
        for (int i = 0; i < 1000; i++)
        {
            Assert.InRange(server.Registry.BroadcastText($"{i}"), 1, 5);
            Assert.Equal($"{i}", await steady.ReceiveTextAsync());
        }
        await stop.CancelAsync();
        await churn.Within();
        await Waiting.Until(() => server.Registry.Count == 1);
    }

    [Fact]
    public async Task A_delivery_that_the_socket_takes_allocates_nothing()
    {
        await using var server = await Server.EchoAsync(Path.Polled);
        using var client = await server.ConnectRawAsync();
        await Waiting.Until(() => server.Registry.Count == 1);
        var connection = server.Registry.Connections.Single();
        var frame = Frame.Text("hello");
        const int each = 100;
        for (int round = 0; round < 5; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < each; i++)
            {
                connection.Deliver(frame);
                connection.SendText("hello"u8);
                server.Registry.Broadcast(frame);
            }
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (round > 0)
                Assert.Equal(0, allocated);
            for (int i = 0; i < 3 * each; i++)
                Assert.Equal("hello", await client.ReceiveTextAsync());
        }
    }

    [Theory, Combinatorial<Path>]
    public async Task OnSend_sees_and_can_hold_back_what_the_application_sends(Path path)
    {
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Censor>("/ws"));
        using var client = await server.ConnectRawAsync();
        await Waiting.Until(() => server.Registry.Count == 1);
        var connection = server.Registry.Connections.Single();
        connection.SendText("bad");
        Assert.False(connection.TrySend(Frame.Text("bad")));
        await connection.SendAsync("bad");
        await connection.SendAsync(Frame.Text("bad"));
        connection.SendText(new string('x', 1000));
        Assert.True(connection.TrySend(Frame.Text("good")));
        server.Registry.BroadcastText("bad"); // a fan-out does not pass there
        Assert.Equal(1000, (await client.ReceiveTextAsync()).Length);
        Assert.Equal("good", await client.ReceiveTextAsync());
        Assert.Equal("bad", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Metrics_count_what_happens()
    {
        await using var server = await Server.EchoAsync(Path.Polled);
        var values = new Dictionary<string, long>();
        using var listener = new MeterListener();
        var meters = server.Services.GetRequiredService<IMeterFactory>();
        listener.InstrumentPublished = (instrument, current) =>
        {
            if (instrument.Meter.Name == ConnectionTelemetry.MeterName && instrument.Meter.Scope == meters)
                current.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            string name = instrument.Name["realtime.connection.".Length..];
            foreach (var (key, tag) in tags)
                name += $" {tag}";
            lock (values)
                values[name] = instrument.IsObservable ? value : values.GetValueOrDefault(name) + value;
        });
        listener.Start();

        using var client = await server.ConnectRawAsync();
        await client.SendTextAsync("12345");
        await client.ReceiveTextAsync();
        Assert.Equal(1, server.Registry.Broadcast(Frame.Join([Frame.Text("a"), Frame.Text("b")])));
        await Waiting.Until(() => Value("messages transmit") == 3); // what is sent is counted when it has gone, and may have come before
        listener.RecordObservableInstruments();
        lock (values)
        {
            Assert.Equal(1, values["active"]);
            Assert.Equal((1, 5), (values["messages receive"], values["io receive"]));
            Assert.Equal((3, 7 + 6), (values["messages transmit"], values["io transmit"]));
        }
        await client.SendAsync(RawClient.Close(4005));
        await Waiting.Until(() => server.Registry.Count == 0);

        // Each label is a series that is kept: what peers make up is counted together.
        for (int code = 3000; code < 5000; code += 125)
        {
            using var other = await server.ConnectRawAsync();
            await other.SendAsync(RawClient.Close(code + 50));
            await other.ReceiveCloseAsync(code + 50);
        }
        await Waiting.Until(() =>
        {
            lock (values)
                return values.GetValueOrDefault("closes 4005") == 1 && values.GetValueOrDefault("closes other") == 16;
        });
        lock (values)
            Assert.Equal(2, values.Keys.Count(name => name.StartsWith("closes", StringComparison.Ordinal)));
        await Waiting.Until(() => Value("active") == 0);

        long Value(string name)
        {
            listener.RecordObservableInstruments();
            lock (values)
                return values.GetValueOrDefault(name);
        }
    }

    private sealed class Censor : ConnectionHandler
    {
        public override bool OnSend(Connection connection, Frame frame) => frame.Size != Frame.Text("bad").Size;
    }
}
