using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests;

/// <summary>One who comes and goes all the time, and resumes all the time, and what the others notice. Without Orleans.</summary>
public sealed class PresenceFoldTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly RoomOptions _options = new();

    private Room NewRoom()
    {
        var room = new Room("lobby", _options, _time);
        room.Open(new MemoryLogs().Open("lobby", _options.RetentionOf("lobby")).Result);
        room.Apply("f1", new JoinCommand("alice", "c1", null));
        room.TakeEvents();
        return room;
    }

    private static void Come(Room room, string user = "mallory") => room.Apply("f1", new JoinCommand(user, $"c-{user}", null));

    private static void Go(Room room, string user = "mallory") => room.Apply("f1", new LeaveCommand($"c-{user}"));

    [Fact]
    public void Who_comes_and_goes_all_the_time_is_told_a_burst_then_one_change_a_second_and_how_it_ends()
    {
        var room = NewRoom();
        for (var i = 0; i < 1000; i++)
        {
            Come(room);
            Go(room);
        }
        var told = room.TakeEvents();
        Assert.Equal(5, told.Length);
        Assert.True(room.PresenceIsDue); // the last word was that he is in

        var (changes, last) = (told.Length, told[^1].Kind);
        for (var second = 0; second < 60; second++)
        {
            Come(room);
            Go(room);
            _time.Advance(TimeSpan.FromSeconds(1));
            room.PublishDuePresence();
            foreach (var item in room.TakeEvents())
            {
                Assert.NotEqual(last, item.Kind); // never the same twice
                (changes, last) = (changes + 1, item.Kind);
            }
        }
        Assert.InRange(changes, 6, 67);
        Come(room);
        _time.Advance(TimeSpan.FromSeconds(6));
        room.PublishDuePresence();
        foreach (var item in room.TakeEvents())
            last = item.Kind;
        Assert.Equal(FrontEventKind.Joined, last); // as it is
        Assert.False(room.PresenceIsDue);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_end_is_told_once_there_is_leave_to_and_nothing_when_it_is_as_it_was(bool isIn)
    {
        _options.PresenceChangeBurst = 2;
        var room = NewRoom();
        Come(room);
        Go(room);
        Come(room);
        var kinds = room.TakeEvents().Select(item => item.Kind).ToList();
        Go(room);
        if (isIn)
            Come(room);
        Assert.Empty(room.TakeEvents());
        _time.Advance(TimeSpan.FromSeconds(10));
        room.PublishDuePresence();
        kinds.AddRange(room.TakeEvents().Select(item => item.Kind));
        Assert.False(room.PresenceIsDue);
        Assert.Equal(isIn, room.Page(null, 10).Users.Contains("mallory"));
        Assert.Equal(isIn ? FrontEventKind.Joined : FrontEventKind.Left, kinds[^1]);
    }

    [Fact]
    public void Others_are_told_as_ever()
    {
        var room = NewRoom();
        for (var i = 0; i < 50; i++)
        {
            Come(room);
            Go(room);
        }
        room.TakeEvents();
        for (var i = 0; i < 50; i++)
        {
            Come(room, $"u{i}");
            Go(room, $"u{i}");
        }
        Assert.Equal(100, room.TakeEvents().Length);
    }

    [Fact]
    public void Who_comes_and_goes_now_and_then_is_told_each_time()
    {
        var room = NewRoom();
        for (var i = 0; i < 50; i++)
        {
            Come(room);
            _time.Advance(TimeSpan.FromSeconds(1));
            Go(room);
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal([FrontEventKind.Joined, FrontEventKind.Left], room.TakeEvents().Select(item => item.Kind));
        }
    }

    [Fact]
    public void Order_has_no_holes_where_something_is_folded()
    {
        var room = NewRoom();
        for (var i = 0; i < 20; i++)
        {
            Come(room);
            Go(room);
        }
        _time.Advance(TimeSpan.FromSeconds(10));
        room.PublishDuePresence();
        Come(room, "bob");
        var orders = room.TakeEvents().Select(item => item.Order).ToArray();
        Assert.Equal(Enumerable.Range(0, orders.Length).Select(i => orders[0] + i), orders);
    }

    [Fact]
    public void What_is_not_told_yet_migrates_with_the_room()
    {
        _options.PresenceChangeBurst = 1;
        var room = NewRoom();
        Come(room);
        room.TakeEvents();
        Go(room);
        Come(room);
        Go(room);
        Assert.Empty(room.TakeEvents());
        var moved = new Room("lobby", _options, _time);
        moved.Load(room.Save());
        Assert.True(moved.PresenceIsDue);
        moved.PublishDuePresence();
        var left = Assert.Single(moved.TakeEvents());
        Assert.Equal((FrontEventKind.Left, "mallory"), (left.Kind, left.From));
        Assert.False(moved.PresenceIsDue);
    }

    private static PublishCommand Kilobytes(int count) => new("alice", null, System.Text.Encoding.UTF8.GetBytes($"\"content\":\"{new string('x', 1024 * count)}\""));

    private bool Resume(Room room, string user, int maxBytes = 0)
    {
        var reply = Assert.IsType<JoinedReply>(room.Apply("f1", new JoinCommand(user, Guid.NewGuid().ToString(), new Position(room.Epoch, 0)) { MaxBytes = maxBytes }));
        Assert.Equal(reply.Recovered == true, reply.Missed.Length > 0);
        return reply.Recovered == true;
    }

    [Fact]
    public void Who_missed_more_than_the_front_takes_gets_nothing_of_it()
    {
        var room = NewRoom();
        for (var i = 0; i < 10; i++)
        {
            room.Apply("f1", Kilobytes(10));
            room.Commit();
        }
        Assert.False(Resume(room, "bob", 50_000));
        Assert.True(Resume(room, "bob", 150_000));
        Assert.True(Resume(room, "bob"));
        var synced = Assert.IsType<SyncedReply>(room.Apply("f2", new SyncCommand([], null) { MaxBytes = 50_000 }));
        Assert.Equal((false, 0), (synced.Complete, synced.Missed.Length));

        // What is pending counts too.
        room.Apply("f1", Kilobytes(60));
        Assert.False(Resume(room, "bob", 150_000));
        room.Commit();
    }

    [Fact]
    public void Who_resumes_all_the_time_gets_so_many_bytes_and_the_others_theirs()
    {
        (_options.ResumeBytesPerSecond, _options.ResumeBurstBytes) = (100_000, 250_000);
        var room = NewRoom();
        for (var i = 0; i < 10; i++)
        {
            room.Apply("f1", Kilobytes(10));
            room.Commit();
        }
        var resumed = Enumerable.Range(0, 1000).Count(_ => Resume(room, "mallory"));
        Assert.Equal(2, resumed); // of 102,520 bytes each
        Assert.True(Resume(room, "bob"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, Enumerable.Range(0, 1000).Count(_ => Resume(room, "mallory")));
        // What costs no more than a join is free.
        Assert.True(Assert.IsType<JoinedReply>(room.Apply("f1", new JoinCommand("mallory", "c9", new Position(room.Epoch, 9)))).Recovered);
    }
}
