using Microsoft.Extensions.Time.Testing;
using Realtime.Grains;
using Realtime.WebFront.Rooms;
using static Realtime.WebFront.Tests.Rooms.TimelineHost;

namespace Realtime.WebFront.Tests.Rooms;

/// <summary>When a room's events are fanned out.</summary>
public sealed class FanOutPacerTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly TimelineHost _host = new();

    [Fact]
    public void Without_a_delay_events_go_at_once()
    {
        using var pacer = Pacer(TimeSpan.Zero);
        pacer.Add([Message(1)]);
        pacer.Add([Message(2), Message(3)]);
        Assert.Equal([1, 2], _host.Runs);
    }

    [Fact]
    public void With_a_delay_they_go_together_when_it_is_over()
    {
        using var pacer = Pacer(TimeSpan.FromMilliseconds(10));
        pacer.Add([Message(1)]);
        _time.Advance(TimeSpan.FromMilliseconds(9));
        pacer.Add([Message(2), Message(3)]);
        Assert.Empty(_host.Runs);
        Assert.True(pacer.HasDelayed(new RoomOrder("lobby", Epoch, 3)));
        Assert.False(pacer.HasDelayed(new RoomOrder("lobby", Epoch, 4)));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal([3], _host.Runs);
        Assert.False(pacer.HasDelayed(new RoomOrder("lobby", Epoch, 3)));

        pacer.Add([Message(4)]);
        pacer.Flush();
        Assert.Equal([3, 1], _host.Runs);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([3, 1], _host.Runs);
    }

    [Theory]
    [InlineData(3, 3)] // ms
    [InlineData(50, 5)]
    public void After_a_long_fan_out_of_several_the_next_comes_no_sooner_than_that_took(int fanOut, int rest)
    {
        using var pacer = Pacer(TimeSpan.Zero);
        _host.OnFanOut = () => _time.Advance(TimeSpan.FromMilliseconds(fanOut));
        pacer.Add([Message(1), Message(2)]);
        _host.OnFanOut = () => { };
        pacer.Add([Message(3)]);
        _time.Advance(TimeSpan.FromMilliseconds(rest - 1));
        pacer.Add([Message(4)]);
        Assert.Equal([2], _host.Runs);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal([2, 2], _host.Runs);
    }

    [Fact]
    public void After_one_event_alone_or_a_short_fan_out_there_is_no_rest()
    {
        using var pacer = Pacer(TimeSpan.Zero);
        _host.OnFanOut = () => _time.Advance(TimeSpan.FromMilliseconds(50));
        pacer.Add([Message(1)]);
        _host.OnFanOut = () => _time.Advance(TimeSpan.FromMilliseconds(0.5));
        pacer.Add([Message(2), Message(3)]);
        pacer.Add([Message(4)]);
        Assert.Equal([1, 2, 1], _host.Runs);
    }

    private FanOutPacer Pacer(TimeSpan writeDelay)
    {
        _host.JoinAt();
        FanOutPacer? pacer = null;
        return pacer = new FanOutPacer(_host.Timeline, writeDelay, _time, () => pacer!.Flush());
    }
}
