using System.Text;
using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests;

/// <summary>What one user can make a room keep, and make it forget. Without Orleans.</summary>
public sealed class RoomLimitsTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly RoomOptions _options = new();
    private int _connections;

    private Room NewRoom(string name = "lobby")
    {
        var room = new Room(name, _options, _time);
        room.Open(new MemoryLogs().Open(name, _options.RetentionOf(name)).Result);
        return room;
    }

    private static RoomReply Apply(Room room, RoomCommand command)
    {
        var reply = room.Apply("f1", command);
        room.Commit();
        return reply;
    }

    private static Receipt Say(Room room, string user, string content = "hi", string? id = null) =>
        Assert.IsType<PublishedReply>(Apply(room, new PublishCommand(user, id, Encoding.UTF8.GetBytes($"\"content\":\"{content}\"")))).Receipt;

    /// <summary>How many messages one who saw so much has missed; null when the room cannot say.</summary>
    private int? Missed(Room room, long sequence)
    {
        var reply = Assert.IsType<JoinedReply>(Apply(room, new JoinCommand("bob", $"c{_connections++}", new Position(room.Epoch, sequence))));
        return reply.Recovered == true ? reply.Missed.Length : null;
    }

    private static readonly string s_kilobyte = new('x', 1024 - RoomHistory.Overhead - 2 * "alice".Length - "\"content\":\"\"".Length);

    [Fact]
    public void History_ends_at_its_bytes_and_the_oldest_go_early()
    {
        _options.HistoryBytes = 10 * 1024;
        var room = NewRoom();
        for (var i = 0; i < 25; i++)
            Say(room, "alice", s_kilobyte);

        Assert.Equal(16, room.History(null, 100, null).Messages[0].Sequence);
        Assert.Equal(10, Missed(room, 15));
        Assert.Null(Missed(room, 14));
    }

    [Fact]
    public void A_message_that_is_larger_than_the_history_leaves_nothing_of_it_and_the_next_one_begins_it_anew()
    {
        _options.HistoryBytes = 1024;
        var room = NewRoom();
        Say(room, "alice");
        Say(room, "alice", new string('x', 2000));
        Assert.Empty(room.History(null, 100, null).Messages);
        Assert.Null(Missed(room, 1));
        Assert.Equal(0, Missed(room, 2));
        Say(room, "alice");
        Assert.Equal(1, Missed(room, 2));
    }

    [Fact]
    public void Rooms_of_a_pattern_have_bytes_of_their_own()
    {
        _options.Patterns = [new RoomPattern { Room = "large-*", HistoryBytes = 5 * 1024 }];
        _options.HistoryBytes = 2 * 1024;
        foreach (var (name, kept) in new[] { ("large-1", 5), ("small-1", 2) })
        {
            var room = NewRoom(name);
            for (var i = 0; i < 10; i++)
                Say(room, "alice", s_kilobyte);
            Assert.Equal(kept, room.History(null, 100, null).Messages.Length);
        }
    }

    [Fact]
    public void The_log_is_needed_from_the_first_message_that_the_bytes_allow()
    {
        _options.HistoryBytes = 3 * 1024;
        var room = NewRoom();
        for (var i = 1; i <= 10; i++)
        {
            room.Apply("f1", new PublishCommand("alice", null, Encoding.UTF8.GetBytes($"\"content\":\"{s_kilobyte}\"")));
            Assert.Equal(Math.Max(1, i - 2), room.Commit());
        }
    }

    [Fact]
    public void A_flood_of_one_user_pushes_nobody_elses_messages_out_by_count()
    {
        var room = NewRoom();
        var alice = Say(room, "alice");
        for (var i = 0; i < 10_001; i++)
            Say(room, "mallory");
        Assert.Equal(10_001, Missed(room, alice.Sequence));

        // Then they are too old, and his own count as they always do.
        _time.Advance(_options.HistoryAge + TimeSpan.FromSeconds(1));
        for (var i = 0; i < 1000; i++)
            Say(room, "mallory");
        Assert.Equal(300, room.Save().History.Length);
    }

    [Fact]
    public void Its_bytes_bound_a_history_whoever_floods_it()
    {
        _options.HistoryBytes = 100 * 1024;
        var room = NewRoom();
        Say(room, "alice");
        for (var i = 0; i < 2000; i++)
            Say(room, "mallory", s_kilobyte[..500]);
        Assert.InRange(room.Save().History.Sum(message => (long)message.Body.Length), 1, 100 * 1024);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(300)]
    public void Users_who_say_about_the_same_have_no_more_than_the_count(int messages)
    {
        _options.HistoryMessages = messages;
        var room = NewRoom();
        for (var i = 0; i < 2000; i++)
            Say(room, $"u{i % 2}");
        Assert.InRange(room.Save().History.Length, messages - 1, messages);
        for (var i = 0; i < 2000; i++)
            Say(room, $"v{i % 7}");
        Assert.Equal(messages, room.Save().History.Length);
    }

    [Fact]
    public void One_users_ids_do_not_make_a_room_forget_those_of_others()
    {
        var room = NewRoom();
        var alice = Say(room, "alice", "pay", "1");
        for (var i = 0; i < 20_000; i++)
            Say(room, "mallory", "x", $"m{i}");

        Assert.Equal(alice, Say(room, "alice", "pay", "1")); // not delivered twice
        Assert.Equal(_options.DedupeEntries, room.Save().Publishes.Length);
        Assert.Equal(1 + 20_001, Say(room, "mallory", "x", "m0").Sequence); // his own was forgotten
    }

    [Fact]
    public void Ids_have_a_bound_in_bytes()
    {
        _options.DedupeBytes = 64 * 1024;
        var room = NewRoom();
        var alice = Say(room, "alice", "pay", "1");
        for (var i = 0; i < 1000; i++)
            Say(room, "mallory", "x", $"{i:d128}");
        Assert.Equal(alice, Say(room, "alice", "pay", "1"));
        Assert.InRange(room.Save().Publishes.Length, 100, 64 * 1024 / (PublishDedupe.Overhead + 256));
    }

    [Fact]
    public void When_all_have_the_same_number_of_ids_the_oldest_is_forgotten()
    {
        _options.DedupeEntries = 3;
        var room = NewRoom();
        foreach (var user in new[] { "a", "b", "c", "d" })
            Say(room, user, "x", "1");
        Assert.Equal(["b", "c", "d"], room.Save().Publishes.Select(publish => publish.User));
    }

    /// <summary>Against a model that is obviously right.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Ids_are_remembered_and_forgotten_as_if_counted_by_hand(int seed)
    {
        const int capacity = 20;
        var random = new Random(seed);
        var window = TimeSpan.FromSeconds(60);
        var dedupe = new PublishDedupe(capacity, window);
        var known = new List<KnownPublish>(); // oldest first
        var (now, sequence) = (1_000_000L, 0L);
        for (var step = 0; step < 5000; step++)
        {
            now += random.Next(2000);
            var (user, id) = (random.Next(5) is var number and > 0 ? $"u{Math.Min(number, random.Next(5))}" : null, $"{random.Next(30)}");
            known.RemoveAll(publish => now - publish.Receipt.Timestamp > window.TotalMilliseconds);
            var expected = known.FindIndex(publish => publish.User == user && publish.Id == id);
            Assert.Equal(expected >= 0, dedupe.TryGet(user, id, now, out var found));
            if (expected >= 0)
            {
                Assert.Equal(known[expected], found);
                if (random.Next(10) == 0)
                {
                    dedupe.RollBackTo(found.Receipt.Sequence - 1);
                    known.RemoveAll(publish => publish.Receipt.Sequence >= found.Receipt.Sequence);
                }
                continue;
            }
            var added = new KnownPublish(user, id, 0, new Receipt("e", ++sequence, now));
            dedupe.Add(added);
            known.Add(added);
            if (known.Count > capacity)
            {
                var largest = known.GroupBy(publish => publish.User ?? "").OrderByDescending(group => group.Count()).ThenBy(group => group.First().Receipt.Sequence).First();
                known.Remove(largest.First());
            }
            Assert.Equal(known, dedupe.Save());
            Assert.Equal(known.Sum(publish => (long)PublishDedupe.Overhead + 2 * (publish.Id.Length + (publish.User?.Length ?? 0))), dedupe.Bytes);
        }
    }

    [Fact]
    public void A_full_room_takes_no_more_connections_until_one_leaves()
    {
        _options.MaxMembers = 2;
        var room = NewRoom();
        Apply(room, new JoinCommand("alice", "c1", null));
        Apply(room, new JoinCommand("bob", "c2", null));
        var refused = Assert.IsType<RefusedReply>(Apply(room, new JoinCommand("carl", "c3", null)));
        Assert.Equal("room_full", refused.Code);
        Assert.Equal(2, room.Describe().Connections);
        Assert.IsType<JoinedReply>(Apply(room, new JoinCommand("bob", "c2", null))); // a repeat is none more
        Apply(room, new LeaveCommand("c1"));
        Assert.IsType<JoinedReply>(Apply(room, new JoinCommand("carl", "c3", null)));
    }
}
