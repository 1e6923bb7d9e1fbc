using Realtime.Bench.Scenarios;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Tests;

public sealed class OptionsTests
{
    [Fact]
    public void Without_options_everything_is_measured_three_times_for_the_results_that_are_kept()
    {
        var options = Options.Parse([], "/repository");

        Assert.Equal(Scenario.All, options.Scenarios);
        Assert.Equal(TargetKind.All, options.Targets);
        Assert.Equal([128], options.Payloads);
        Assert.Equal((3, "/repository/bench"), (options.Runs, options.Output));
    }

    [Fact]
    public void Quick_is_one_run_into_artifacts()
    {
        var options = Options.Parse(["fanout", "storm", "--quick", "--payload", "28,1024", "--targets=nchan,floor", "--", "--A:B=c", "--quick"], "/repository");

        Assert.Equal(["fanout", "storm"], options.Scenarios.Select(scenario => scenario.Name));
        Assert.Equal(["nchan", "floor"], options.Targets.Select(target => target.Name));
        Assert.Equal([28, 1024], options.Payloads);
        Assert.Equal((1, true, "/repository/artifacts/bench"), (options.Runs, options.IsQuick, options.Output));
        Assert.Equal(["--A:B=c", "--quick"], options.Settings);
    }

    [Fact]
    public void A_part_of_the_attacks_is_no_result_to_keep()
    {
        var options = Options.Parse(["attacks", "--only", "HTTP"], "/repository");

        Assert.Equal(("HTTP", 3, "/repository/artifacts/bench"), (options.Only, options.Runs, options.Output));
    }

    [Theory]
    [InlineData("fanuot", "unknown scenario 'fanuot'; there are fanout, paced")]
    [InlineData("--targets apache", "unknown target 'apache'; there are floor, realtime")]
    [InlineData("--payload 27", "--payload is '27'; it must be a number from 28 to 65000")]
    [InlineData("--payload 128,65001", "'65001'")]
    [InlineData("--payload 1k", "'1k'")]
    [InlineData("--runs 0", "--runs is '0'; it must be a number from 1 to 20")]
    [InlineData("--runs", "--runs needs a value")]
    [InlineData("--fast", "unknown option '--fast'")]
    public void What_is_wrong_is_told(string arguments, string told)
    {
        var error = Assert.Throws<UsageException>(() => Options.Parse(arguments.Split(' '), "/repository"));

        Assert.Contains(told, error.Message);
    }
}
