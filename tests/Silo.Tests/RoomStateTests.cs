using System.Text;
using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests;

/// <summary>The state of a room, without Orleans.</summary>
public sealed class RoomStateTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly RoomOptions _options = new();

    private Room NewRoom(StateBudget? budget = null)
    {
        var room = new Room("lobby", _options, _time) { StateBudget = budget };
        room.Open(new MemoryLogs().Open("lobby", _options.RetentionOf("lobby")).Result);
        return room;
    }

    private static PublishCommand Set(string key, string content = "x", string? id = null) => new("alice", id, Encoding.UTF8.GetBytes($"\"content\":\"{content}\"")) { Key = key };

    private static PublishCommand Delete(string key) => new("alice", null, []) { Key = key, IsDeleted = true };

    /// <summary>The number of a message that is kept, or why it is not.</summary>
    private static string Apply(Room room, PublishCommand command)
    {
        var reply = room.Apply("f1", command);
        room.Commit();
        return Shown(reply);
    }

    private static string Shown(RoomReply reply) => reply is PublishedReply published ? $"{published.Receipt.Sequence}" : ((RefusedReply)reply).Code;

    private static string State(Room room) =>
        string.Join(' ', room.StatePage(null, 1000).Entries.Select(entry => $"{entry.Key}{entry.Sequence}={Encoding.UTF8.GetString(entry.Body)[11..^1]}"));

    [Fact]
    public void A_message_with_a_key_is_a_message_and_sets_the_key_for_who_joins()
    {
        var room = NewRoom();
        Assert.Equal(["1", "2", "3", "4"], new[] { Set("b", "one"), Set("a", "two"), Set("b", "three", "id"), Set("b", "three", "id") with { Key = "b" } with { Id = "x" } }.Select(command => Apply(room, command)));
        Assert.Equal("a2=two b4=three", State(room));
        var joined = Assert.IsType<JoinedReply>(room.Apply("f1", new JoinCommand("bob", "c1", null) { WithState = true }));
        Assert.Equal([("a", 2), ("b", 4)], joined.State!.Select(entry => (entry.Key, entry.Sequence)));
        Assert.Same(joined.State, Assert.IsType<JoinedReply>(room.Apply("f1", new JoinCommand("carl", "c2", null) { WithState = true })).State);
        Assert.Null(Assert.IsType<JoinedReply>(room.Apply("f1", new JoinCommand("dora", "c3", null))).State);
        var resumed = Assert.IsType<JoinedReply>(room.Apply("f1", new JoinCommand("eve", "c4", new Position(room.Epoch, 3)) { WithState = true }));
        Assert.Equal((true, null, "\"key\":\"b\",\"content\":\"three\""), (resumed.Recovered, resumed.State, Encoding.UTF8.GetString(resumed.Missed[0].Body)));
        Assert.Equal((false, 2), Assert.IsType<JoinedReply>(room.Apply("f1", new JoinCommand("finn", "c5", new Position("other", 3)) { WithState = true })) is var lost ? (lost.Recovered!.Value, lost.State!.Length) : default);

        Assert.Equal("5", Apply(room, Delete("b")));
        Assert.Equal("6", Apply(room, Delete("b")));
        Assert.Equal("a2=two", State(room));
        var moved = new Room("lobby", _options, _time);
        moved.Load(room.Save() with { Log = default(LogMark) });
        Assert.Equal(("a2=two", room.StateBytes), (State(moved), moved.StateBytes));
    }

    [Fact]
    public void A_version_is_compared_before_anything_is_kept_and_a_repeat_gets_the_first_answer()
    {
        var room = NewRoom();
        Assert.Equal("1", Apply(room, Set("a", "one", "id") with { IfVersion = 0 }));
        Assert.Equal("1", Apply(room, Set("a", "one", "id") with { IfVersion = 0 }));
        Assert.Equal("id_conflict", Apply(room, Set("b", "one", "id")));
        Assert.Equal("version_conflict", Apply(room, Set("a") with { IfVersion = 0 }));
        Assert.Equal("version_conflict", Apply(room, Set("a") with { IfVersion = 2 }));
        Assert.Equal("version_conflict", Apply(room, Set("a") with { IfVersion = 1, IfEpoch = "another" }));
        Assert.Equal("2", Apply(room, Set("a", "two") with { IfVersion = 1, IfEpoch = room.Epoch }));
        Assert.Equal("version_conflict", Apply(room, Delete("a") with { IfVersion = 1 }));
        Assert.Equal("3", Apply(room, Delete("a") with { IfVersion = 2 }));
        Assert.Equal("version_conflict", Apply(room, Set("a") with { IfVersion = 3 }));
        // In one turn the second sees what the first has done.
        RoomReply[] turn = [room.Apply("f1", Set("a", "four") with { IfVersion = 0 }), room.Apply("f1", Set("a", "five") with { IfVersion = 0 }), room.Apply("f1", Set("a", "five") with { IfVersion = 4 })];
        Assert.Equal(["4", "version_conflict", "5"], turn.Select(Shown));
        Assert.Equal(2, room.Pending.Length);
        Assert.Equal([4L, 5L], room.Pending.ToArray().Select(entry => entry.State!.Sequence));
        room.Commit();
        Assert.Equal("a5=five", State(room));
    }

    [Fact]
    public void What_is_not_committed_is_undone_also_for_who_joined_in_the_turn()
    {
        var room = NewRoom();
        Apply(room, Set("a", "one"));
        Apply(room, Set("b", "two"));
        var bytes = room.StateBytes;
        RoomReply[] turn =
        [
            room.Apply("f1", Set("a", "lost")), room.Apply("f1", Delete("b")), room.Apply("f1", Set("c", "lost")), room.Apply("f1", Set("a", "lost again")),
            room.Apply("f1", new JoinCommand("bob", "c1", null) { WithState = true }),
            room.Apply("f1", new SyncCommand([], null) { NeedsState = true }),
        ];
        room.RollBack(turn);
        Assert.Equal(("a1=one b2=two", bytes), (State(room), room.StateBytes));
        Assert.Equal([1, 2], Assert.IsType<JoinedReply>(turn[4]).State!.Select(entry => entry.Sequence));
        Assert.Equal([1, 2], Assert.IsType<SyncedReply>(turn[5]).State!.Select(entry => entry.Sequence));
        Assert.Equal("unavailable", Apply(room, Set("a")));
    }

    [Fact]
    public void A_key_is_gone_after_its_time()
    {
        var room = NewRoom();
        Apply(room, Set("a", "one") with { Ttl = 1000 });
        Apply(room, Set("b", "two") with { Ttl = 2000 });
        Apply(room, Set("a", "three") with { Ttl = 5000 });
        Assert.Equal(_time.GetUtcNow().ToUnixTimeMilliseconds() + 5000, room.StateExpiresAt);
        Assert.Contains($"\"key\":\"a\",\"expires\":{room.StateExpiresAt},\"content\":\"three\"", Encoding.UTF8.GetString(room.History(null, 1, null).Messages[0].Body));
        _time.Advance(TimeSpan.FromMilliseconds(1999));
        Assert.Equal("a3=three b2=two", State(room));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("a3=three", State(room));
        Assert.Equal("4", Apply(room, Set("b", "four") with { IfVersion = 0 }));
        Assert.Equal(long.MaxValue, room.StateExpiresAt);
        Apply(room, Delete("b"));
        for (var i = 0; i < 1000; i++) // what is replaced is not kept until it would expire
            Apply(room, Set("a", "x") with { Ttl = 1_000_000 });
        _time.Advance(TimeSpan.FromSeconds(1000));
        Assert.Equal(("", 0, 0), (State(room), room.StateBytes, room.StateExpiresAt));
    }

    [Fact]
    public void The_state_is_bounded_in_keys_and_bytes_by_room_and_for_the_silo()
    {
        _options.MaxStateKeys = 2;
        _options.MaxStateBytes = 2000;
        var budget = new StateBudget(2500);
        var room = NewRoom(budget);
        Assert.Equal(["1", "2", "state_full", "3"], new[] { Set("a"), Set("b"), Set("c"), Set("b", "y") }.Select(command => Apply(room, command)));
        Assert.Equal("state_full", Apply(room, Set("a", new string('x', 2000))));
        Assert.Equal("4", Apply(room, Set("a", new string('x', 1400))));
        Assert.Equal("state_full", Apply(room, Set("b", new string('x', 200))));
        Assert.Equal("5", Apply(room, Delete("b")));
        budget.Add(room.StateBytes);
        Assert.Equal("state_full", Apply(NewRoom(budget), Set("a", new string('x', 800))));
        Assert.Equal("6", Apply(room, Set("a", "less")));
        budget.Add(-1300);
        Assert.Equal("1", Apply(NewRoom(budget), Set("a", new string('x', 800))));
    }

    [Fact]
    public void Who_takes_the_state_again_and_again_waits()
    {
        _options.ResumeBytesPerSecond = 100_000;
        _options.ResumeBurstBytes = 100_000;
        var room = NewRoom();
        Apply(room, Set("a", new string('x', 60_000)));
        var join = new JoinCommand("bob", "c1", null) { WithState = true };
        Assert.IsType<JoinedReply>(room.Apply("f1", join));
        Assert.Equal("unavailable", Assert.IsType<RefusedReply>(room.Apply("f1", join with { Connection = "c2" })).Code);
        Assert.Equal(1, room.Describe().Connections);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.IsType<JoinedReply>(room.Apply("f1", join with { Connection = "c2" }));
    }
}
