using System.Text;
using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests;

/// <summary>The rules of a room, without Orleans.</summary>
public sealed class RoomRulesTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly RoomOptions _options = new();

    private Room NewRoom()
    {
        var room = new Room("lobby", _options, _time);
        room.Open(new MemoryLogs().Open("lobby", _options.RetentionOf("lobby")).Result);
        return room;
    }

    /// <summary>A turn of one command, whose messages are kept.</summary>
    private static RoomReply Apply(Room room, string front, RoomCommand command)
    {
        var reply = room.Apply(front, command);
        room.Commit();
        return reply;
    }

    private static JoinCommand Join(string user, string connection, Position? since = null) => new(user, connection, since);

    private static PublishCommand Say(string user, string content, string? id = null) =>
        new(user, id, Encoding.UTF8.GetBytes($"\"content\":\"{content}\""));

    private static long[] Sequences(IEnumerable<FrontEvent> events) => [.. events.Select(item => item.Sequence)];

    [Fact]
    public void Messages_are_numbered_from_one_without_holes()
    {
        var room = NewRoom();
        Apply(room, "f1", Join("alice", "c1"));
        room.TakeEvents();

        var receipts = Enumerable.Range(1, 5)
            .Select(i => Assert.IsType<PublishedReply>(Apply(room, "f1", Say("alice", $"m{i}"))).Receipt)
            .ToArray();

        Assert.Equal([1, 2, 3, 4, 5], receipts.Select(receipt => receipt.Sequence));
        Assert.All(receipts, receipt => Assert.Equal(room.Epoch, receipt.Epoch));
        Assert.Equal([1, 2, 3, 4, 5], Sequences(room.TakeEvents()));
    }

    [Fact]
    public void Ephemeral_messages_have_an_order_and_no_number_and_need_no_log()
    {
        var room = NewRoom();
        var nobody = Assert.IsType<PublishedReply>(room.Apply("f1", Say("alice", "x") with { IsEphemeral = true })).Receipt;
        Assert.Equal((room.Epoch, 0), (nobody.Epoch, nobody.Sequence));
        Assert.Empty(room.TakeEvents());
        Apply(room, "f1", Join("alice", "c1"));
        Apply(room, "f1", Say("alice", "kept"));
        RoomReply[] lost = [room.Apply("f1", Say("alice", "lost"))];
        room.RollBack(lost);
        Assert.IsType<RefusedReply>(lost[0]);
        room.TakeEvents();
        var order = room.Order;

        for (var i = 0; i < 2; i++) // an id recognises no repeat
            Assert.Equal(0, Assert.IsType<PublishedReply>(room.Apply("f1", Say("alice", "x", "1") with { IsEphemeral = true, Key = "k" })).Receipt.Sequence);
        Assert.True(room.Pending.IsEmpty);
        Assert.Equal(1, room.Position.Sequence);
        Assert.Equal([(FrontEventKind.Ephemeral, "k", 0, order + 1), (FrontEventKind.Ephemeral, "k", 0, order + 2)],
            room.TakeEvents().Select(item => (item.Kind, item.Key, item.Sequence, item.Order)));
    }

    [Fact]
    public void A_second_connection_of_a_user_neither_joins_nor_leaves()
    {
        var room = NewRoom();
        Apply(room, "f1", Join("alice", "c1"));
        Assert.Equal(FrontEventKind.Joined, Assert.Single(room.TakeEvents()).Kind);

        var second = Assert.IsType<JoinedReply>(Apply(room, "f2", Join("alice", "c2")));
        Assert.Equal(1, second.Members);
        Assert.Empty(room.TakeEvents());
        Assert.Equal(new RoomDescription(1, 2, 2, room.Position), room.Describe());

        Apply(room, "f1", new LeaveCommand("c1"));
        Assert.Empty(room.TakeEvents());
        Apply(room, "f2", new LeaveCommand("c2"));
        var left = Assert.Single(room.TakeEvents());
        Assert.Equal((FrontEventKind.Left, "alice"), (left.Kind, left.From));
        Assert.True(room.IsEmpty);
    }

    [Fact]
    public void Joining_and_leaving_may_be_repeated()
    {
        var room = NewRoom();
        Apply(room, "f1", Join("alice", "c1"));
        Apply(room, "f1", Join("alice", "c1"));
        Assert.Equal(1, room.Describe().Connections);
        Apply(room, "f1", new LeaveCommand("c1"));
        Apply(room, "f1", new LeaveCommand("c1"));
        Apply(room, "f9", new LeaveCommand("c1"));
        Assert.Equal(0, room.Describe().Connections);
        Assert.Equal(2, room.TakeEvents().Length);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(30)] // in tables
    public void A_front_that_tells_who_is_there_has_nobody_else(int members)
    {
        var room = NewRoom();
        for (var i = 0; i < members; i++)
            Apply(room, "f1", Join($"user{i}", $"c{i}"));
        Apply(room, "f2", Join("user0", "other"));
        room.TakeEvents();
        Apply(room, "f1", new SyncCommand([new Member("user1", "c1"), new Member("new", "c-new")], null));
        Assert.Equal(Enumerable.Range(2, members - 2).Select(i => $"user{i}").Order(),
            room.TakeEvents().Where(item => item.Kind == FrontEventKind.Left).Select(item => item.From!).Order());
        Assert.Equal((3, 3), (room.Describe().Members, room.Describe().Connections));
        Apply(room, "f1", new SyncCommand([], null));
        Assert.Equal((1, 1), (room.Describe().Members, room.Describe().Connections));
    }

    [Fact]
    public void Order_numbers_messages_and_presence_without_holes()
    {
        var room = NewRoom();
        Apply(room, "f1", Join("alice", "c1"));
        Apply(room, "f1", Say("alice", "a"));
        Apply(room, "f1", Join("bob", "c2"));
        Apply(room, "f1", Say("bob", "b"));
        Apply(room, "f1", new LeaveCommand("c1"));
        Assert.Equal([1, 2, 3, 4, 5], room.TakeEvents().Select(item => item.Order));
    }

    [Fact]
    public void A_join_with_a_position_gets_exactly_what_it_missed()
    {
        var room = NewRoom();
        for (var i = 1; i <= 10; i++)
            Apply(room, "f1", Say("alice", $"m{i}"));

        var reply = Assert.IsType<JoinedReply>(Apply(room, "f1", Join("bob", "c1", new Position(room.Epoch, 7))));
        Assert.True(reply.Recovered);
        Assert.Equal([8, 9, 10], Sequences(reply.Missed));
        Assert.Equal(10, reply.Position.Sequence);

        reply = Assert.IsType<JoinedReply>(Apply(room, "f1", Join("bob", "c2", new Position(room.Epoch, 10))));
        Assert.True(reply.Recovered);
        Assert.Empty(reply.Missed);
    }

    [Theory]
    [InlineData(11)] // the future
    [InlineData(long.MaxValue)]
    public void A_position_from_the_future_is_not_recovered(long sequence)
    {
        var room = NewRoom();
        for (var i = 1; i <= 10; i++)
            Apply(room, "f1", Say("alice", $"m{i}"));
        var reply = Assert.IsType<JoinedReply>(Apply(room, "f1", Join("bob", "c1", new Position(room.Epoch, sequence))));
        Assert.False(reply.Recovered);
        Assert.Empty(reply.Missed);
    }

    [Fact]
    public void Recovery_is_never_partial()
    {
        _options.HistoryMessages = 5;
        var room = NewRoom();
        for (var i = 1; i <= 10; i++)
            Apply(room, "f1", Say("alice", $"m{i}"));

        var gone = Assert.IsType<JoinedReply>(Apply(room, "f1", Join("bob", "c1", new Position(room.Epoch, 4))));
        Assert.False(gone.Recovered);
        Assert.Empty(gone.Missed);
        var kept = Assert.IsType<JoinedReply>(Apply(room, "f1", Join("bob", "c2", new Position(room.Epoch, 5))));
        Assert.True(kept.Recovered);
        Assert.Equal([6, 7, 8, 9, 10], Sequences(kept.Missed));
        var other = Assert.IsType<JoinedReply>(Apply(room, "f1", Join("bob", "c3", new Position("another", 5))));
        Assert.False(other.Recovered);
    }

    [Fact]
    public void History_ends_at_its_age()
    {
        _options.HistoryAge = TimeSpan.FromMinutes(10);
        var room = NewRoom();
        Apply(room, "f1", Say("alice", "old"));
        _time.Advance(TimeSpan.FromMinutes(6));
        Apply(room, "f1", Say("alice", "young"));
        _time.Advance(TimeSpan.FromMinutes(6));

        Assert.False(Assert.IsType<JoinedReply>(Apply(room, "f1", Join("bob", "c1", new Position(room.Epoch, 0)))).Recovered);
        var kept = Assert.IsType<JoinedReply>(Apply(room, "f1", Join("bob", "c2", new Position(room.Epoch, 1))));
        Assert.True(kept.Recovered);
        Assert.Equal([2], Sequences(kept.Missed));
    }

    [Fact]
    public void A_repeated_publish_id_gets_the_first_receipt_and_is_not_sent_again()
    {
        var room = NewRoom();
        Apply(room, "f1", Join("alice", "c1"));
        var first = Assert.IsType<PublishedReply>(Apply(room, "f1", Say("alice", "hi", "1"))).Receipt;
        room.TakeEvents();
        _time.Advance(TimeSpan.FromMinutes(4));

        Assert.Equal(first, Assert.IsType<PublishedReply>(Apply(room, "f2", Say("alice", "hi", "1"))).Receipt);
        Assert.Empty(room.TakeEvents());
        Assert.Equal("id_conflict", Assert.IsType<RefusedReply>(Apply(room, "f1", Say("alice", "other", "1"))).Code);
        // Another user's id is another id.
        Assert.Equal(2, Assert.IsType<PublishedReply>(Apply(room, "f1", Say("bob", "hi", "1"))).Receipt.Sequence);
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(3, Assert.IsType<PublishedReply>(Apply(room, "f1", Say("alice", "hi", "1"))).Receipt.Sequence);
    }

    [Fact]
    public void Remembered_ids_are_bounded()
    {
        _options.DedupeEntries = 2;
        var room = NewRoom();
        Apply(room, "f1", Say("alice", "a", "1"));
        Apply(room, "f1", Say("alice", "a", "2"));
        Apply(room, "f1", Say("alice", "a", "3")); // forgets 1
        Assert.Equal(2, Assert.IsType<PublishedReply>(Apply(room, "f1", Say("alice", "a", "2"))).Receipt.Sequence);
        Assert.Equal(4, Assert.IsType<PublishedReply>(Apply(room, "f1", Say("alice", "a", "1"))).Receipt.Sequence);
    }

    [Fact]
    public void A_large_room_tells_counts_only_and_not_too_often()
    {
        _options.PresenceLimit = 2;
        var room = NewRoom();
        Apply(room, "f1", Join("u1", "c1"));
        Apply(room, "f1", Join("u2", "c2"));
        Assert.All(room.TakeEvents(), item => Assert.Equal(FrontEventKind.Joined, item.Kind));

        Apply(room, "f1", Join("u3", "c3"));
        var told = Assert.Single(room.TakeEvents());
        Assert.Equal((FrontEventKind.Presence, 3), (told.Kind, told.Members));
        Apply(room, "f1", Join("u4", "c4"));
        Apply(room, "f1", Join("u5", "c5"));
        Assert.Empty(room.TakeEvents());
        Assert.True(room.PresenceIsDue);

        _time.Advance(_options.PresenceCountInterval);
        room.PublishDuePresence();
        Assert.Equal(5, Assert.Single(room.TakeEvents()).Members);
        Assert.False(room.PresenceIsDue);
    }

    [Fact]
    public void Members_come_in_pages()
    {
        var room = NewRoom();
        foreach (var user in new[] { "dora", "alice", "carl", "bob", "Zoe" })
            Apply(room, "f1", Join(user, $"c-{user}"));

        var page = room.Page(null, 2);
        Assert.Equal(["Zoe", "alice"], page.Users);
        Assert.Equal((5, "alice"), (page.Total, page.Next));
        page = room.Page(page.Next, 2);
        Assert.Equal(["bob", "carl"], page.Users);
        page = room.Page(page.Next, 2);
        Assert.Equal(["dora"], page.Users);
        Assert.Null(page.Next);
        Assert.Equal(["carl", "dora"], room.Page("bobby", 10).Users);
        Assert.Empty(room.Page("zzz", 10).Users);
    }
}
