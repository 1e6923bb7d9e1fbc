using Realtime.Bench.Load;

namespace Realtime.Bench.Tests;

/// <summary>The generator's check: every member gets every message of its rooms once and in order.</summary>
public sealed class LoadClientTests
{
    private static readonly Workload s_workload = new() { Connections = 6, Rooms = 2, Window = 4 };

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(2, 200)]
    public async Task What_comes_once_and_in_order_is_valid(int roomsEach, double rate)
    {
        var workload = s_workload with { RoomsEach = roomsEach, Rate = rate };
        var result = await Run(workload, (_, _, payload) => [payload]);

        Assert.True(result.IsValid, result.Problem);
        Assert.Equal(result.Messages * 6 * roomsEach / 2, result.Delivered);
        if (rate > 0)
            Assert.Equal(0.3 * rate, result.Messages, tolerance: 1);
    }

    [Fact]
    public async Task Several_messages_in_one_frame_are_several()
    {
        var waiting = "";
        var result = await Run(s_workload with { Connections = 1, Rooms = 1 }, (_, number, payload) =>
        {
            waiting = waiting.Length == 0 ? payload : $"{waiting}\n{payload}";
            if (number % 2 == 1)
                return [];
            var frame = waiting;
            waiting = "";
            return [frame];
        }, evenMessages: true);

        Assert.True(result.IsValid, result.Problem);
    }

    [Fact]
    public async Task A_lost_message_is_seen()
    {
        var result = await Run(s_workload with { Patience = TimeSpan.FromSeconds(2) }, (place, number, payload) => place == 1 && number == 9 ? [] : [payload]);

        Assert.False(result.IsValid);
        Assert.Equal(result.Expected - 1, result.Delivered);
    }

    [Fact]
    public async Task A_doubled_message_is_seen()
    {
        var result = await Run(s_workload, (place, number, payload) => place == 1 && number == 9 ? [payload, payload] : [payload]);

        Assert.False(result.IsValid);
        Assert.Equal(result.Expected + 1, result.Delivered);
    }

    [Fact]
    public async Task The_last_message_doubled_is_seen_after_it_all()
    {
        // What comes besides comes after the last delivery that is waited for.
        await using var server = await new RoomServer((_, _, payload) => [payload, payload]).Start();
        using var client = new LoadClient(s_workload with { Connections = 1, Rooms = 1 }, RoomServer.Dialect, server.Port);
        client.Connect(TimeSpan.FromSeconds(20));

        var result = client.Check();

        Assert.Equal((1, 2, false), (result.Messages, result.Delivered, result.IsValid));
    }

    [Fact]
    public async Task A_check_is_one_message_to_each_room()
    {
        await using var server = await new RoomServer((_, _, payload) => [payload]).Start();
        using var client = new LoadClient(s_workload, RoomServer.Dialect, server.Port);
        client.Connect(TimeSpan.FromSeconds(20));

        var result = client.Check();

        Assert.Equal((2, 6, true), (result.Messages, result.Delivered, result.IsValid));
    }

    [Fact]
    public async Task Messages_in_another_order_are_seen()
    {
        string? late = null;
        var result = await Run(s_workload with { Connections = 1, Rooms = 1 }, (_, number, payload) =>
        {
            if (number == 9)
            {
                late = payload;
                return [];
            }
            return number == 10 ? [payload, late!] : [payload];
        });

        Assert.False(result.IsValid);
        Assert.Equal(result.Expected, result.Delivered);
        Assert.True(result.Disorder > 0);
    }

    [Fact]
    public async Task A_message_of_another_room_is_seen()
    {
        // Number 1 is of room 1, and goes to a member of room 0 as well.
        string? other = null;
        var result = await Run(s_workload, (place, _, payload) =>
        {
            var room = Convert.ToInt32(payload.Substring(19, 8), 16) % 2;
            if (room == 1)
                other ??= payload;
            if (room == 0 && place == 0 && other is { Length: > 0 } foreign)
            {
                other = "";
                return [foreign, payload];
            }
            return [payload];
        });

        Assert.False(result.IsValid);
        Assert.Equal((result.Expected, 1), (result.Delivered, result.Disorder));
    }

    [Fact]
    public async Task Who_is_not_answered_is_not_in()
    {
        await using var server = await new RoomServer((_, _, payload) => [payload]).Start();
        using var client = new LoadClient(s_workload, RoomServer.Dialect with { Joined = "welcome" }, server.Port);

        var error = Assert.Throws<InvalidOperationException>(() => client.Connect(TimeSpan.FromSeconds(1)));

        Assert.Contains("Only 0 of 6 clients got in", error.Message);
    }

    [Theory]
    [InlineData(7, 2, 1)] // one room would have a member more
    [InlineData(6, 3, 2)] // rooms that cannot be handed out in twos
    public void A_workload_that_cannot_be_spread_evenly_is_refused(int connections, int rooms, int each) =>
        Assert.Throws<ArgumentException>(() =>
            new LoadClient(new() { Connections = connections, Rooms = rooms, RoomsEach = each }, RoomServer.Dialect, 1));

    /// <param name="evenMessages">Publish two messages at a time, and an even number in all.</param>
    private static async Task<LoadResult> Run(
        Workload workload, Func<int, int, string, string[]> deliver, bool evenMessages = false)
    {
        await using var server = await new RoomServer(deliver).Start();
        using var client = new LoadClient(evenMessages ? workload with { Window = 2 } : workload, RoomServer.Dialect, server.Port);
        client.Connect(TimeSpan.FromSeconds(20));
        return client.Run(TimeSpan.FromMilliseconds(300));
    }
}
