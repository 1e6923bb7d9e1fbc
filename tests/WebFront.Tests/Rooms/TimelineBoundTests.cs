using Realtime.WebFront.Rooms;
using static Realtime.WebFront.Tests.Rooms.TimelineHost;

namespace Realtime.WebFront.Tests.Rooms;

/// <summary>What a time line keeps is bounded in bytes, and whoever lacks something for it gets it, or is told.</summary>
public sealed class TimelineBoundTests
{
    private const int Capacity = 10_000;

    private readonly TimelineHost _host = new(Capacity);

    [Fact]
    public void Events_over_the_bound_are_fetched_by_another_sync()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(2));
        _host.Apply(Message(3, bytes: Capacity));
        _host.Timeline.EndSync(Synced(2, 2, complete: true, Message(1), Message(2)));
        Assert.Equal(["joined e1/0", "m1", "m2"], alice.Got);
        _host.Apply(Message(4));
        Assert.Equal(2, _host.Syncs);
        _host.Timeline.EndSync(Synced(4, 4, complete: true, Message(3), Message(4)));
        Assert.Equal(["joined e1/0", "m1", "m2", "m3", "m4"], alice.Got);
    }

    [Fact]
    public void Events_without_a_body_count_too()
    {
        var buffer = new EventBuffer(Capacity);
        var order = 0;
        while (buffer.TryAdd([Left(++order)]))
            Assert.InRange(buffer.Events.Length, order, Capacity / EventBuffer.EventSize);
        Assert.Equal(0, buffer.Events.Length);
        Assert.Equal(Capacity / EventBuffer.EventSize + 1, order);
        Assert.True(buffer.TryAdd([Left(1)]));
    }

    [Fact]
    public void Who_joins_when_events_since_the_join_are_dropped_joins_at_the_present()
    {
        _host.JoinAt();
        var bob = _host.Join();
        _host.Apply(Message(1), Message(2));
        _host.Apply(Message(3, bytes: Capacity));
        bob.Admit(Joined(1, 1));
        _host.Apply(Message(4));
        Assert.Equal(["joined e1/3", "m4"], bob.Got);
    }

    [Fact]
    public void Who_joins_after_the_dropped_events_has_its_own_place()
    {
        _host.JoinAt();
        var bob = _host.Join();
        _host.Apply(Message(1, bytes: Capacity));
        _host.Apply(Message(2));
        bob.Admit(Joined(1, 1));
        Assert.Equal(["joined e1/1", "m2"], bob.Got);
    }

    [Fact]
    public void Joins_without_a_pause_keep_no_more_than_the_last_of_them_needs()
    {
        _host.JoinAt();
        var next = _host.Join();
        for (var i = 1; i <= 1000; i++)
        {
            var waiting = next;
            next = _host.Join(); // there is always one under way
            _host.Apply(Message(i, bytes: Capacity / 4));
            waiting.Admit(Joined(i - 1, i - 1));
            Assert.Equal([$"joined e1/{i - 1}", $"m{i}"], waiting.Got.Take(2));
            waiting.Leave();
        }
    }
}
