namespace Realtime.Chaos;

internal enum Server
{
    Silo,
    Front,
}

/// <summary>A server that is to end: killed, or stopped as an operator stops it.</summary>
internal readonly record struct Victim(Server Server, int Number, bool IsKilled)
{
    public override string ToString() => $"{(IsKilled ? "kill" : "stop")} {(Server == Server.Silo ? "silo" : "front")} {Number + 1}";
}

/// <summary>Servers that end together, and come back together.</summary>
/// <param name="At">Since the start of the run.</param>
/// <param name="Down">How long they are away before they are started again.</param>
internal sealed record Strike(TimeSpan At, Victim[] Victims, TimeSpan Down);

/// <summary>Who dies when and how: a pure function of the seed and the options.</summary>
internal static class Schedule
{
    /// <summary>Of all ends so many are kills; the others are stops, as in a rolling restart.</summary>
    private const double Kills = 0.6;

    /// <summary>So often a silo and a front end at the same moment.</summary>
    private const double Doubles = 0.2;

    /// <summary>After the last strike clients and rooms have so long, as a share of the pause between two, before the end.</summary>
    private const double LastRest = 0.5;

    public static IReadOnlyList<Strike> Create(int seed, TimeSpan length, TimeSpan every, int silos, int fronts)
    {
        var random = new Random(seed);
        var strikes = new List<Strike>();
        for (var at = every; at <= length - LastRest * every; at += every)
        {
            var silo = new Victim(Server.Silo, random.Next(silos), random.NextDouble() < Kills);
            var front = new Victim(Server.Front, random.Next(fronts), random.NextDouble() < Kills);
            Victim[] victims = random.NextDouble() < Doubles ? [silo, front] : random.NextDouble() < 0.5 ? [silo] : [front];
            // Not at the same moment of each period, in which leases and timers of the servers always are at the same place.
            var jitter = (random.NextDouble() - 0.5) * 0.4 * every;
            // Away for a moment, or until just before the next strike.
            var down = random.NextDouble() * 0.6 * every;
            strikes.Add(new Strike(at + jitter, victims, down));
        }
        return strikes;
    }
}
