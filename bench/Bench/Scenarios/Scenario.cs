using Realtime.Bench.Reports;

namespace Realtime.Bench.Scenarios;

/// <summary>Something that is measured.</summary>
/// <param name="name">On the command line.</param>
/// <param name="title">Above its tables.</param>
internal abstract class Scenario(string name, string title)
{
    public static readonly Scenario[] All =
    [
        LoadScenario.FanOut, LoadScenario.Paced, LoadScenario.Rooms, LoadScenario.Direct, new IdleScenario(), new StreamsScenario(), new StormScenario(), new ChurnScenario(),
        new SlowScenario(), new AttackScenario(), new LogScenario(), new ClusterLatencyScenario(), new RoomMemoryScenario(), new InboxMemoryScenario(),
        new GrowthScenario(),
    ];

    public string Name => name;
    public string Title => title;

    /// <summary>Whether its processes use all cores, instead of one for the server and one for the generator.</summary>
    public virtual bool SharesCores => false;

    /// <summary>Why it cannot be run; null when it can.</summary>
    public virtual string? Missing(Options options) => null;

    /// <summary>Measures, and puts what came of it into the section.</summary>
    /// <exception cref="InvalidOperationException">A server or a client did not work.</exception>
    public abstract void Run(Options options, Section section);
}
