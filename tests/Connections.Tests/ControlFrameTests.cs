using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>What is no message has no handler that could bound it.</summary>
public class ControlFrameTests
{
    private const int Most = 100, Sent = 300;

    private readonly ManualTimeProvider _time = new();
    private long _throttled;

    private static readonly byte[][] s_frames = [RawClient.Frame(0x89, "x"u8), RawClient.Frame(0x8A, "x"u8), RawClient.Frame(0x00, ""u8)];

    [Theory, Combinatorial<Path>(0, 1, 2)]
    public async Task A_peer_that_sends_too_many_is_read_more_slowly(Path path, int kind)
    {
        await using var server = await Server.EchoAsync(path, options => options.MaxControlFrames = Most, builder => builder.UseTime(_time));
        using var listener = Watch(server);
        using var client = await server.ConnectRawAsync();
        // All of them stand in one message, so that each kind may.
        byte[] frames = [.. Enumerable.Repeat(s_frames[kind], Sent).SelectMany(frame => frame)];
        await client.SendAsync([.. RawClient.Frame(0x01, "a"u8), .. frames, .. RawClient.Frame(0x80, "z"u8)]);
        var ending = EndAsync();
        for (var pause = 1; pause <= 2; pause++)
        {
            await Waiting.Until(() => Throttled(listener) == pause);
            Assert.False(ending.IsCompleted);
            _time.Advance(1);
        }
        Assert.Equal("az", await ending);
        Assert.Equal(2, Throttled(listener));

        async Task<string> EndAsync()
        {
            while (true)
            {
                var frame = await client.ReceiveAsync();
                if (frame!.Opcode == 1)
                    return frame.Text;
            }
        }
    }

    private long Throttled(MeterListener listener)
    {
        listener.RecordObservableInstruments();
        return Volatile.Read(ref _throttled);
    }

    private MeterListener Watch(Server server)
    {
        var meters = server.Services.GetRequiredService<IMeterFactory>();
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "realtime.connection.throttles" && instrument.Meter.Scope == meters)
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => Volatile.Write(ref _throttled, value));
        listener.Start();
        return listener;
    }
}
