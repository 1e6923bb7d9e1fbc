using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>A message has to come to its end in time, since what has come of it is held.</summary>
public class PartialMessageTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly Recorder _recorder = new();

    /// <summary>A fragment, a frame that promises more than comes, and half a head.</summary>
    private static readonly byte[][] s_parts = [RawClient.Frame(0x01, "once upon a"u8), RawClient.Frame(0x81, "a time there was"u8)[..10], [0x81]];

    [Theory, Combinatorial<Path>(0, 1, 2)]
    public async Task One_that_does_not_come_to_its_end_is_closed(Path path, int part)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        await client.SendAsync([.. RawClient.Text("whole"), .. s_parts[part]]);
        await _recorder.Until("whole");

        var closing = client.ReceiveCloseAsync(1008);
        var seconds = 0;
        while (!closing.IsCompleted)
        {
            _time.Advance(1);
            seconds++;
            await Task.WhenAny(closing, Task.Delay(20));
        }
        Assert.Equal("a message took too long to come", (await closing).CloseReason);
        Assert.True(seconds >= 10, $"after {seconds} s");
        await _recorder.Until("closed 1008 a message took too long to come");
    }

    [Theory, Combinatorial<Path>]
    public async Task Each_has_its_own_time_and_none_has_all(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        for (var i = 0; i < 4; i++)
        {
            await client.SendAsync([.. RawClient.Frame(0x01, "once "u8), .. RawClient.Frame(0x89, "seen"u8)]);
            Assert.Equal("seen", (await client.ReceiveAsync())!.Text);
            _time.Advance(8);
            await client.SendAsync(RawClient.Frame(0x80, "more"u8));
            await _recorder.Until("once more");
        }
        _time.Advance(60); // and then there is nothing to wait for
        await client.SendTextAsync("the end");
        await _recorder.Until("the end");
    }

    private Task<Server> StartAsync(Path path) =>
        Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), options =>
        {
            options.PingInterval = TimeSpan.Zero;
            options.ReadTimeout = TimeSpan.FromDays(1);
        }, builder =>
        {
            builder.AddHandler(_recorder);
            builder.UseTime(_time);
        });
}
