using Realtime.Grains;
using Realtime.WebFront.Rooms;
using static Realtime.WebFront.Tests.Rooms.TimelineHost;

namespace Realtime.WebFront.Tests.Rooms;

/// <summary>The rules of a room's time line at a front, without engine and sockets.</summary>
public sealed class RoomTimelineTests
{
    private readonly TimelineHost _host = new();

    private RoomTimeline Timeline => _host.Timeline;

    [Fact]
    public void Messages_that_follow_each_other_are_one_fan_out()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(1), Message(2), Message(3));
        _host.Apply(Left(4), Message(4, order: 5), Message(5, order: 6));
        Assert.Equal([3, 1, 2], _host.Runs);
        Assert.Equal(["joined e1/0", "m1", "m2", "m3", "left4", "m4", "m5"], alice.Got);
        Assert.Equal(new Position(Epoch, 5), Timeline.Position);
        Assert.Equal(0, _host.Syncs);
    }

    [Fact]
    public void A_repeat_is_left_out()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(1), Message(2));
        _host.Apply(Message(1), Message(2), Message(3));
        _host.Apply(Message(2));
        Assert.Equal(["joined e1/0", "m1", "m2", "m3"], alice.Got);
        Assert.Equal(0, _host.Syncs);
    }

    [Fact]
    public void At_a_hole_nothing_newer_is_delivered_until_the_room_has_answered()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(1));
        _host.Apply(Message(4), Message(5));
        Assert.True(Timeline.IsSyncing);
        _host.Apply(Message(6));
        Assert.Equal((1, 2L), (_host.Syncs, Assert.Single(_host.Gaps)));
        Assert.Equal(["joined e1/0", "m1"], alice.Got);

        // The room answers when it is at 5; message 6 came after.
        Timeline.EndSync(Synced(5, 5, complete: true, Message(2), Message(3), Message(4), Message(5)));
        Assert.Equal(["joined e1/0", "m1", "m2", "m3", "m4", "m5", "m6"], alice.Got);
        Assert.False(Timeline.IsSyncing);
        Assert.Equal(1, _host.Syncs);
    }

    [Fact]
    public void What_the_room_no_longer_has_is_announced_as_lost()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(3));
        Timeline.EndSync(Synced(7, 7, complete: false));
        _host.Apply(Message(8));
        Assert.Equal(["joined e1/0", "lost until e1/7", "m8"], alice.Got);
        Assert.Equal([7], _host.Losses);
    }

    [Fact]
    public void A_hole_behind_a_repair_is_repaired_too()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(2));
        _host.Apply(Message(6));
        Timeline.EndSync(Synced(3, 3, complete: true, Message(1), Message(2), Message(3)));
        Assert.True(Timeline.IsSyncing);
        Timeline.EndSync(Synced(6, 6, complete: true, Message(4), Message(5), Message(6)));
        Assert.Equal(["joined e1/0", "m1", "m2", "m3", "m4", "m5", "m6"], alice.Got);
        Assert.Equal([1, 2], _host.Gaps);
    }

    [Fact]
    public void A_sync_without_an_answer_ends_and_the_next_event_begins_another()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(2));
        Timeline.EndSync(null);
        Assert.False(Timeline.IsSyncing);
        _host.Apply(Message(3));
        Timeline.EndSync(Synced(3, 3, complete: true, Message(1), Message(2), Message(3)));
        Assert.Equal(["joined e1/0", "m1", "m2", "m3"], alice.Got);
        Assert.Equal(2, _host.Syncs);
    }

    [Fact]
    public void Nothing_is_missing_where_nobody_is_a_member()
    {
        _host.Apply(Message(5));
        _host.Apply(Message(9, epoch: "e2"));
        Assert.Equal((0, new Position("e2", 9)), (_host.Syncs, Timeline.Position!.Value));
    }

    [Fact]
    public void Who_is_joining_where_nobody_is_a_member_gets_what_a_hole_has_taken()
    {
        var alice = _host.Join();
        _host.Apply(Message(1));
        _host.Apply(Message(4)); // 2 and 3 are lost, or late
        Assert.Equal(0, _host.Syncs);
        alice.Admit(Joined(1, 1)); // the room has answered between 1 and 2
        Assert.Equal(1, _host.Syncs);
        _host.Apply(Message(5));
        Timeline.EndSync(Synced(4, 4, complete: true, Message(2), Message(3), Message(4)));
        Assert.Equal(["joined e1/1", "m2", "m3", "m4", "m5"], alice.Got);
    }

    [Theory]
    [InlineData(2, 0)] // it has come
    [InlineData(1, 0)]
    [InlineData(3, 1)]
    public void An_announced_order_that_has_not_come_is_asked_for(long announced, int syncs)
    {
        _host.JoinAt();
        _host.Apply(Message(1), Message(2));
        Timeline.Compare(new RoomOrder("lobby", Epoch, announced));
        Timeline.Compare(new RoomOrder("lobby", Epoch, announced)); // while it is under way it is not asked again
        Assert.Equal(syncs, _host.Syncs);
    }

    [Fact]
    public void An_announced_epoch_that_is_not_known_is_asked_for()
    {
        _host.JoinAt();
        Timeline.Compare(new RoomOrder("lobby", "e2", 1));
        Assert.Equal((1, -1L), (_host.Syncs, Assert.Single(_host.Gaps)));
    }

    [Fact]
    public void A_new_epoch_is_announced_once_and_delivered_from_its_beginning()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(1), Message(2));
        _host.Apply(Message(2, epoch: "e2"));
        Assert.True(Timeline.IsSyncing);
        Timeline.EndSync(Synced(2, 2, complete: true, Message(1, epoch: "e2"), Message(2, epoch: "e2")));
        _host.Apply(Message(3)); // of the room that is lost
        _host.Apply(Message(3, epoch: "e2"));
        Assert.Equal(["joined e1/0", "m1", "m2", "lost until e2/0", "m1", "m2", "m3"], alice.Got);
    }

    [Fact]
    public void Held_events_of_the_epoch_before_are_left_out()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(3));
        _host.Apply(Message(1, epoch: "e2"), Message(2, epoch: "e2"));
        Timeline.EndSync(Synced(1, 1, complete: true, Message(1, epoch: "e2")));
        Assert.Equal(["joined e1/0", "lost until e2/0", "m1", "m2"], alice.Got);
        Assert.False(Timeline.IsSyncing);
    }

    [Fact]
    public void A_join_into_a_new_epoch_asks_for_what_the_others_lack()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(1));
        var bob = _host.Join().Admit(Joined(2, 2, "e2"));
        Assert.True(Timeline.IsSyncing);
        Timeline.EndSync(Synced(3, 3, complete: true, Message(1, epoch: "e2"), Message(2, epoch: "e2"), Message(3, epoch: "e2")));
        Assert.Equal(["joined e1/0", "m1", "lost until e2/0", "m1", "m2", "m3"], alice.Got);
        Assert.Equal(["joined e2/2", "m3"], bob.Got);
    }

    [Fact]
    public void Who_joins_gets_no_event_of_before_though_it_comes_later()
    {
        var alice = _host.JoinAt();
        var bob = _host.Join().Admit(Joined(order: 2, sequence: 2));
        _host.Apply(Message(1), Message(2), Message(3));
        _host.Apply(Message(4));
        Assert.Equal(["joined e1/0", "m1", "m2", "m3", "m4"], alice.Got);
        Assert.Equal(["joined e1/2", "m3", "m4"], bob.Got);
        Assert.Equal([1], _host.Runs); // once the events have reached the join, all get the same again
    }

    [Fact]
    public void Who_joins_gets_every_event_of_after_though_it_came_before_the_answer()
    {
        _host.JoinAt();
        var bob = _host.Join();
        _host.Apply(Message(1), Message(2), Left(3), Message(3, order: 4));
        bob.Admit(Joined(order: 1, sequence: 1));
        _host.Apply(Message(4, order: 5));
        Assert.Equal(["joined e1/1", "m2", "left3", "m3", "m4"], bob.Got);
    }

    [Fact]
    public void Joins_of_one_batch_each_have_their_own_place()
    {
        _host.JoinAt();
        var (bob, carol) = (_host.Join(), _host.Join());
        _host.Apply(Message(1), Message(2), Message(3));
        bob.Admit(Joined(1, 1));
        carol.Admit(Joined(2, 2));
        _host.Apply(Message(4));
        Assert.Equal(["joined e1/1", "m2", "m3", "m4"], bob.Got);
        Assert.Equal(["joined e1/2", "m3", "m4"], carol.Got);
    }

    [Fact]
    public void A_refused_join_leaves_no_trace()
    {
        _host.JoinAt();
        var refused = _host.Join();
        _host.Apply(Message(1));
        refused.Admit(null);
        var bob = _host.Join();
        bob.Admit(Joined(1, 1)); // what came before its command was sent is not kept for it
        Assert.Equal(["joined e1/1"], bob.Got);
        Assert.Empty(refused.Got);
    }

    [Fact]
    public void Who_joins_during_a_repair_gets_what_it_brings_of_after_the_join()
    {
        var alice = _host.JoinAt();
        _host.Apply(Message(3)); // a hole
        var bob = _host.Join().Admit(Joined(2, 2));
        Timeline.EndSync(Synced(3, 3, complete: true, Message(1), Message(2), Message(3)));
        Assert.Equal(["joined e1/0", "m1", "m2", "m3"], alice.Got);
        Assert.Equal(["joined e1/2", "m3"], bob.Got);
    }

    [Fact]
    public void Who_is_the_first_waits_for_nothing_of_before()
    {
        var alice = _host.JoinAt(order: 7, sequence: 5);
        _host.Apply(Message(6, order: 8));
        alice.Leave();
        var bob = _host.JoinAt(order: 12, sequence: 9);
        _host.Apply(Message(10, order: 13));
        Assert.Equal(["joined e1/5", "m6"], alice.Got);
        Assert.Equal(["joined e1/9", "m10"], bob.Got);
        Assert.Equal(0, _host.Syncs);
    }

    [Fact]
    public void Messages_that_a_log_gives_again_under_another_order_go_by_their_sequence()
    {
        const long reopened = 1L << 40;
        var alice = _host.JoinAt();
        _host.Apply(Message(1), Message(2));
        _host.Apply(Message(4, order: reopened + 1));
        Timeline.EndSync(Synced(reopened + 1, 4, complete: true, Message(3, order: reopened), Message(4, order: reopened + 1)));
        _host.Apply(Message(4, order: reopened + 1), Message(5, order: reopened + 2));
        Assert.Equal(["joined e1/0", "m1", "m2", "m3", "m4", "m5"], alice.Got);
    }
}
