using System.Collections.Concurrent;
using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Tests.Model;

/// <summary>The rules of a room hold in thousands of orders of what may happen, each of which follows from its seed.</summary>
public sealed class WalkTests
{
    /// <summary>More by hand: <c>REALTIME_WALKS=100000</c>; one alone: <c>REALTIME_WALK=759 REALTIME_WALKS=1</c>.</summary>
    private static readonly int s_walks = int.TryParse(Environment.GetEnvironmentVariable("REALTIME_WALKS"), out var walks) ? walks : 500;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Nothing_that_may_happen_breaks_a_rule(bool logOutlivesSilos)
    {
        var first = int.TryParse(Environment.GetEnvironmentVariable("REALTIME_WALK"), out var seed) ? seed : 0;
        var bad = new ConcurrentDictionary<int, IReadOnlyList<Finding>>();
        Parallel.For(first, first + s_walks, seed =>
        {
            if (new Walk(seed, logOutlivesSilos).Run() is { Findings.Count: > 0 } verdict)
                bad[seed] = verdict.Findings;
        });
        if (bad.IsEmpty)
            return;
        var (walk, findings) = bad.MinBy(item => item.Key);
        var again = new Walk(walk, logOutlivesSilos);
        again.Run();
        Assert.Fail($"{bad.Count} of {s_walks} walks break rules, as walk {walk}:\n{string.Join('\n', findings)}\n\n{string.Join('\n', again.Steps)}");
    }

    [Fact]
    public void A_walk_follows_from_its_seed()
    {
        Assert.Equal(Steps(1), Steps(1));
        Assert.NotEqual(Steps(1), Steps(2));

        static List<string> Steps(int seed)
        {
            var walk = new Walk(seed, logOutlivesSilos: true);
            walk.Run();
            return walk.Steps;
        }
    }
}
