namespace Realtime.Chaos.Tests;

public sealed class ScheduleTests
{
    private static readonly TimeSpan s_length = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(5);

    [Fact]
    public void The_same_seed_gives_the_same_schedule_and_another_one_another()
    {
        Assert.Equal(Text(1), Text(1));
        Assert.NotEqual(Text(1), Text(2));

        static string Text(int seed) => string.Join('\n', Schedule.Create(seed, s_length, s_every, 3, 2)
            .Select(strike => $"{strike.At} {string.Join(", ", strike.Victims)} {strike.Down}"));
    }

    [Fact]
    public void Every_server_dies_in_every_way_and_all_strikes_are_within_the_run_and_apart()
    {
        var strikes = Schedule.Create(7, s_length, s_every, 3, 2);

        var victims = strikes.SelectMany(strike => strike.Victims).ToHashSet();
        Assert.Equal(2 * (3 + 2), victims.Count); // each killed and stopped
        Assert.Contains(strikes, strike => strike.Victims.Length == 2);
        Assert.InRange(strikes.Count, 119, 120);
        for (var i = 0; i < strikes.Count; i++)
        {
            Assert.InRange(strikes[i].At, TimeSpan.Zero, s_length);
            if (i > 0) // the ones before are back by then
                Assert.True(strikes[i].At > strikes[i - 1].At && strikes[i - 1].Down < s_every);
        }
    }
}
