using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Tests;

public sealed class SilenceTests
{
    [Fact]
    public void The_longest_silence_after_a_kill_is_that_of_the_worst_room_and_the_worst_member()
    {
        ClientHistory[] clients =
        [
            Heard("one", "room1", 1, 2, 3, 6, 7, 8, 9, 10), // silent from 3 to 6
            Heard("two", "room1", 1, 2, 9, 10), // silent from 2 to 9, but others heard the room
            Heard("three", "room2", 1, 2, 3, 4, 5, 6, 7, 8, 9), // silent at the end
        ];

        var silences = Silence.After([Seconds(2.5), Seconds(8.5)], clients, Seconds(12));

        // From the kill to 9 at two; from 3 to 6 in room1. Then from 9 to the end in room2.
        Assert.Equal(new Silence(Room: Seconds(3), Member: Seconds(6.5)), silences[0]);
        Assert.Equal(new Silence(Room: Seconds(3), Member: Seconds(3)), silences[1]);
    }

    [Fact]
    public void Nothing_at_all_is_silence_until_the_end() =>
        Assert.Equal(new Silence(Seconds(7), Seconds(7)), Assert.Single(Silence.After([Seconds(3)], [Heard("one", "room")], Seconds(10))));

    private static ClientHistory Heard(string client, string room, params double[] times) =>
        new(client, [room], [.. times.Select(time => new HistoryEvent(Seconds(time), EventKind.Message, room, new("a", (long)time), Content: "x"))]);

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
