using Realtime.Chaos.Checking;

namespace Realtime.Chaos;

/// <summary>The table at the end.</summary>
internal static class Report
{
    /// <summary>Findings that are printed; --out has them all.</summary>
    private const int MostFindings = 20;

    public static void Write(TextWriter output, ChaosOptions options, RunResult result)
    {
        var (publishes, events) = (result.History.Publishes, result.History.Clients.SelectMany(client => client.Events).ToArray());
        var acked = publishes.Where(publish => publish.Ack is not null).ToArray();
        var waits = acked.Select(publish => (publish.AnsweredAt!.Value - publish.SentAt).TotalMilliseconds).Order().ToArray();
        var victims = result.Strikes.SelectMany(strike => strike.Victims).ToArray();
        var verdict = result.Verdict;

        output.WriteLine();
        Row("servers, log", $"{(options.UsesProcesses ? "processes" : "in process")}, {(options.UsesPostgresLog ? "postgres" : "memory")}");
        Row("silos, fronts, rooms", $"{options.Silos}, {options.Fronts}, {options.Rooms}");
        Row("inboxes, of two devices each", $"{options.Inboxes}{(options.Streams > 0 ? ", and a stream" : "")}");
        Row("members, publishers", $"{options.Members}, {options.Publishers}");
        Row("of them Realtime.Client, resumed", $"{result.Library.Count}, {result.Library.Sum(client => client.Events.Count(item => item is { Kind: EventKind.Joined, Recovered: true }))}");
        Row("streams, reconnects, resumed", $"{result.Streams.Count}, {CountOfStreams(EventKind.Connected) - result.Streams.Count}, {CountOfStreams(EventKind.Joined, true)}");
        Row("sessions without a WebSocket", $"{options.Sessions}");
        Row("seconds", $"{result.Length.TotalSeconds:0}");
        Row("publishes", $"{publishes.Count}");
        Row("acks", $"{acked.Length}  (p50 {At(waits, 0.5):0} ms, p99 {At(waits, 0.99):0} ms, longest {At(waits, 1):0} ms)");
        Row("failed", $"{publishes.Count - acked.Length}");
        Row("sent again", $"{publishes.Sum(publish => Math.Max(0, publish.Tries - 1))}");
        Row("deliveries", $"{Count(EventKind.Message)}");
        Row("kills", $"{victims.Count(victim => victim.IsKilled)}  (silos {Ends(Server.Silo, true)}, fronts {Ends(Server.Front, true)})");
        Row("stops", $"{victims.Count(victim => !victim.IsKilled)}  (silos {Ends(Server.Silo, false)}, fronts {Ends(Server.Front, false)})");
        Row("reconnects", $"{Count(EventKind.Connected) - result.History.Clients.Count}");
        Row("resumed", $"{events.Count(item => item is { Kind: EventKind.Joined, Recovered: true })}");
        Row("repeats left out, holes mended", $"{Count(EventKind.Repeat)}, {Count(EventKind.Hole)}");
        Row("webhook requests, repeats", $"{result.Webhooks.Requests}, {result.Webhooks.Repeats}");
        Row("longest silence, room", Spread(result.Silences, silence => silence.Room));
        Row("longest silence, member", Spread(result.Silences, silence => silence.Member));
        if (options.Streams > 0)
            Row("longest silence, stream", Spread(result.StreamSilences, silence => silence.Member));
        Row("gaps flagged", $"{verdict.GapsFlagged}");
        Row("gaps silent", $"{verdict.Count(Rule.SilentGap)}");
        Row("duplicates", $"{verdict.Count(Rule.Duplicate)}");
        Row("reorders", $"{verdict.Count(Rule.Reorder)}");
        Row("lost acks", $"{verdict.Count(Rule.LostAck)}");
        if (options.UsesPostgresLog)
            Row("rooms that lost history", $"{verdict.Count(Rule.LostHistory)}");
        Row("not back at the end", $"{verdict.Count(Rule.NotBack)}");
        Row("seed", $"{options.Seed}");
        foreach (var finding in verdict.Findings.Take(MostFindings))
            output.WriteLine($"  {finding}");
        if (verdict.Findings.Count > MostFindings)
            output.WriteLine($"  and {verdict.Findings.Count - MostFindings} more");
        output.WriteLine(verdict.Findings.Count == 0 ? "chaos: every guarantee held" : $"chaos: {verdict.Findings.Count} faults");

        void Row(string name, string value) => output.WriteLine($"{name,-33} {value}");
        int Count(EventKind kind) => events.Count(item => item.Kind == kind);
        int CountOfStreams(EventKind kind, bool? recovered = null) => result.Streams.Sum(stream => stream.Events.Count(item => item.Kind == kind && item.Recovered == recovered));
        int Ends(Server server, bool isKilled) => victims.Count(victim => victim.Server == server && victim.IsKilled == isKilled);
    }

    private static double At(double[] sorted, double share) => sorted.Length == 0 ? 0 : sorted[(int)(share * (sorted.Length - 1))];

    private static string Spread(IReadOnlyList<Silence> silences, Func<Silence, TimeSpan> of)
    {
        double[] seconds = [.. silences.Select(silence => of(silence).TotalSeconds).Order()];
        return $"p50 {At(seconds, 0.5):0.00} s, p90 {At(seconds, 0.9):0.00} s, max {At(seconds, 1):0.00} s";
    }
}
