namespace Realtime.Chaos.Tests;

public sealed class OptionsTests
{
    [Fact]
    public void Options_come_with_a_space_or_an_equals_sign()
    {
        var options = ChaosOptions.Parse(["--seconds", "7", "--kill-every=1.5", "--log=postgres", "--processes", "--seed", "0", "--streams", "0", "--sessions=3", "--library=50"]);
        Assert.Equal((7, 1.5, true, true, 0, 0, 3), (options.Seconds, options.KillEvery, options.UsesPostgresLog, options.UsesProcesses, options.Seed, options.Streams, options.Sessions));
        Assert.Equal((50, 25), (options.Library, ChaosOptions.Parse([]).Library));
        Assert.Equal((500, 200, 20, 2, 3, null), (options.Rate, options.Members, options.Rooms, options.Fronts, options.Silos, options.Out));
    }

    [Theory]
    [InlineData("--seconds is '4'; it must be a whole number from 5 to 86400.", "--seconds", "4")]
    [InlineData("--rate is 'many'; it must be a whole number from 1 to 20000.", "--rate=many")]
    [InlineData("--kill-every is '0.5'; it must be a number from 1 to 3600.", "--kill-every", "0.5")]
    [InlineData("--kill-every is 'NaN'; it must be a number from 1 to 3600.", "--kill-every", "NaN")]
    [InlineData("--silos is '17'; it must be a whole number from 1 to 16.", "--silos", "17")]
    [InlineData("--seed is '-1'; it must be a whole number from 0 to 2147483647.", "--seed", "-1")]
    [InlineData("--streams is '1001'; it must be a whole number from 0 to 1000.", "--streams=1001")]
    [InlineData("--sessions is '-1'; it must be a whole number from 0 to 1000.", "--sessions", "-1")]
    [InlineData("--library is '101'; it must be a whole number from 0 to 100.", "--library", "101")]
    [InlineData("--log is 'disk'; it must be memory or postgres.", "--log", "disk")]
    [InlineData("--rooms needs a value.", "--rooms")]
    [InlineData("--out needs a folder.", "--out=")]
    [InlineData("--processes takes no value.", "--processes=2")]
    [InlineData("chaos has no option '--members-of'; see ./realtime help chaos.", "--members-of", "3")]
    [InlineData("chaos has no option '5'; see ./realtime help chaos.", "5")]
    public void Bad_options_are_refused_with_what_is_allowed(string message, params string[] arguments) =>
        Assert.Equal(message, Assert.Throws<ArgumentException>(() => ChaosOptions.Parse(arguments)).Message);
}
