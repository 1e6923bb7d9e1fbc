using System.Text;
using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests;

/// <summary>What the rooms of a silo keep together. Without Orleans: a room's turn is a call.</summary>
public sealed class HistoryBudgetTests
{
    private const int Kilobyte = 1024;

    private readonly Queue<Action> _turns = new();

    private sealed class TestRoom
    {
        private static readonly byte[] s_body = Encoding.UTF8.GetBytes($"\"content\":\"{new string('x', Kilobyte - RoomHistory.Overhead - 22)}\"");

        public TestRoom(HistoryBudget budget, Queue<Action> turns)
        {
            Room = new Room("lobby", new RoomOptions(), new ManualTimeProvider());
            Room.Open(new MemoryLogs().Open("lobby", new RoomOptions().RetentionOf("lobby")).Result);
            Memory = new RoomMemory(Room, Batches, budget, () => turns.Enqueue(Memory!.Release));
        }

        public Room Room { get; }

        public LastBatches Batches { get; } = new();

        public RoomMemory Memory { get; }

        public void Say(int messages = 1, string? id = null)
        {
            for (var i = 0; i < messages; i++)
            {
                Room.Apply("f1", new PublishCommand("alice", id is null ? null : $"{id}{i}", s_body));
                Room.Commit();
            }
            Memory.Update();
        }

        public int Messages => Room.Save().History.Length;
    }

    private void RunTurns()
    {
        while (_turns.TryDequeue(out var turn))
            turn();
    }

    [Fact]
    public void Rooms_that_were_not_used_for_the_longest_release_their_histories_first()
    {
        var budget = new HistoryBudget(100 * Kilobyte);
        TestRoom[] rooms = [.. Enumerable.Range(0, 4).Select(_ => new TestRoom(budget, _turns))];
        foreach (var room in rooms)
            room.Say(25);
        RunTurns();
        Assert.All(rooms, room => Assert.InRange(room.Messages, 20, 25));

        rooms[0].Say(); // so that the second is the one that was not used for the longest
        for (var i = 0; i < 25; i++)
        {
            rooms[3].Say();
            RunTurns();
        }
        Assert.Equal(0, rooms[1].Messages);
        Assert.InRange(rooms[0].Messages, 20, 26);
        Assert.InRange(rooms[2].Messages, 10, 25);
        Assert.InRange(budget.Used, 80 * Kilobyte, 100 * Kilobyte);
    }

    [Fact]
    public void However_many_rooms_are_filled_and_left_all_together_they_stay_within_the_bound()
    {
        const long limit = 1000 * Kilobyte;
        var budget = new HistoryBudget(limit);
        for (var i = 0; i < 300; i++)
        {
            new TestRoom(budget, _turns).Say(50);
            RunTurns();
            Assert.InRange(budget.Used, 0, limit);
        }
    }

    [Fact]
    public void The_only_room_releases_its_own_and_goes_on()
    {
        var budget = new HistoryBudget(10 * Kilobyte);
        var room = new TestRoom(budget, _turns);
        room.Say(100);
        RunTurns();
        Assert.InRange(room.Messages, 1, 10);
        room.Say();
        Assert.Equal(101, room.Room.Position.Sequence);
    }

    [Fact]
    public void Ids_go_after_the_history_and_what_is_kept_for_repeats_before_it()
    {
        var budget = new HistoryBudget(100 * Kilobyte);
        var room = new TestRoom(budget, _turns);
        room.Say(50, "id");
        room.Batches.Set("f1", 1, new SubmitReply("s", true, [new JoinedReply(room.Room.Position, 1, 1, true, room.Room.Save().History)]));
        room.Memory.Update();
        Assert.InRange(budget.Used, 90 * Kilobyte, 120 * Kilobyte);
        room.Say(20, "more"); // above the bound now
        RunTurns();
        var repeat = Assert.IsType<JoinedReply>(Assert.Single(room.Batches.ReplyTo("f1", 1)!.Replies));
        Assert.Equal((false, 0), (repeat.Recovered, repeat.Missed.Length));
        Assert.Equal(70, room.Room.Save().Publishes.Length);

        room.Room.Release(room.Messages * (long)Kilobyte);
        Assert.Equal((0, 70), (room.Messages, room.Room.Save().Publishes.Length));
        room.Room.Release(10 * (PublishDedupe.Overhead + 12));
        Assert.InRange(room.Room.Save().Publishes.Length, 55, 62);
    }

    [Fact]
    public void A_room_that_is_gone_counts_no_more_and_is_asked_for_nothing()
    {
        var budget = new HistoryBudget(100 * Kilobyte);
        TestRoom gone = new(budget, _turns), stays = new(budget, _turns);
        gone.Say(50);
        gone.Memory.Remove();
        Assert.Equal(0, budget.Used);
        stays.Say(90);
        Assert.Empty(_turns);
        Assert.Equal(90, stays.Messages);
    }
}
