using System.Text;
using Realtime.Bench.Load;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>What clients who mean harm do to polite ones, with the limits that are on outside Development.</summary>
internal sealed class AttackScenario() : Scenario("attacks", "Polite clients while others attack")
{
    // The issue's bound: p99 of the polite ones during an attack, as a multiple of that before.
    private const double Bound = 3;

    private static readonly string[] s_limits =
    [
        "--Limits:Enabled=true", "--Limits:LoopbackCounts=true", "--Limits:Publishes:Rate=100", $"--Limits:MessageBytes:Rate={256 * 1024}",
    ];

    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(3);

    private static readonly Workload s_polite = new() { Connections = 20, Rooms = 2, Rate = 100 };

    /// <param name="Polite">The load whose latency counts.</param>
    /// <param name="Settings">Besides the limits.</param>
    private sealed record Attack(string Name, Workload Polite, AttackConnection[] Connections, params string[] Settings);

    private sealed record Outcome(Measurement Before, Measurement During, double Megabytes, double AttackMegabytes, int Ends);

    private static readonly Attack[] s_attacks =
    [
        new("4 connections of pings", s_polite, Talkers(4, [], Repeat(100, _ => """{"type":"ping"}"""))),
        new("4 of what is no JSON", s_polite, Talkers(4, [], Repeat(100, _ => """{"type":"""))),
        new("4 of publishes in a room of their own", s_polite, Talkers(4, [Join("own")], Repeat(100, _ => """{"type":"message","room":"own","content":"x"}"""))),
        new("4 of publishes with ids in a polite room", s_polite,
            Talkers(4, [Join("r0")], Repeat(1000, i => $$"""{"type":"message","id":"{{i}}","room":"r0","content":"x"}"""))),
        new("4 that ask for members of 1,000 rooms that are not", s_polite, Talkers(4, [], Repeat(1000, i => $$"""{"type":"members","id":"m","room":"no{{i}}"}"""))),
        new("4 that fill 30 rooms with 60 KB messages", s_polite,
            Talkers(4, [.. Enumerable.Range(0, 30).Select(i => Join($"fill{i}"))], Repeat(30, i => $$"""{"type":"message","room":"fill{{i}}","content":"{{Text(60_000)}}"}"""))),
        new("4 that write 60 KB to a polite user", s_polite, Talkers(4, [], Repeat(10, _ => $$"""{"type":"message","to":"u1","content":"{{Text(60_000)}}"}"""))),
        new("10 that publish 16 KB and read nothing", s_polite,
            Talkers(10, [Join("unread")], Repeat(10, _ => $$"""{"type":"message","room":"unread","content":"{{Text(16_000)}}"}"""), reads: false)),
        new("200 unfinished messages of 150 KB", s_polite, [.. Enumerable.Range(0, 200).Select(i => new AttackConnection(Path(i / 40), Attacker.Unfinished(150_000), []))]),
        new("4 that join new rooms and leave them", s_polite,
            Talkers(4, [], Repeat(2000, i => i % 2 == 0 ? Join($"new{i}") : $$"""{"type":"leave","room":"new{{i - 1}}"}"""))),
        new("4 that come and go", s_polite, [.. Enumerable.Range(0, 4).Select(i => new AttackConnection(Path(i), [], [], Stays: false))]),
        new("4 of HTTP requests", s_polite, Requests(4, string.Concat(Repeat(20, _ => "GET /api/rooms/r0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")))),
        new("4 of batches of 1,000 messages", s_polite, Requests(4, Post("/api/batch",
            $"[{string.Join(',', Repeat(1000, i => $$"""{"room":"batch{{i % 10}}","content":"{{Text(900)}}"}"""))}]"))),
        new("4 that open streams of events and drop them", s_polite, Droppers(4, i => $"GET /api/rooms/r0/events?user=attacker{i} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")),
        new("4 that open sessions without a WebSocket and drop them", s_polite, Droppers(4, i => $"GET /api/session/events?user=attacker{i} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")),
        new("4 of requests with 30 KB of headers", s_polite,
            Requests(4, $"GET /ws?user=attacker HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {Text(14_000)}\r\nSec-WebSocket-Protocol: {string.Concat(Repeat(7000, _ => "a,"))}a\r\n\r\n")),
        new("200 that send half of a request", s_polite, [.. Enumerable.Range(0, 200).Select(_ => new AttackConnection(null, Encoding.ASCII.GetBytes("GET /ws HTTP/1.1\r\nHost: 127"), []))]),
        new("4 that join a room with a full state and leave it", s_polite, Talkers(4,
            [Join("full"), .. Repeat(15, i => $$"""{"type":"message","room":"full","key":"k{{i}}","content":"{{Text(60_000)}}"}""")],
            Repeat(100, i => i % 2 == 0 ? """{"type":"leave","room":"full"}""" : """{"type":"join","room":"full","state":true}"""))),
        new("4 that renew with wrong tokens", s_polite, Talkers(4, [], Repeat(20, _ => $$"""{"type":"refresh","id":"r","token":"{{Text(8000)}}"}"""))),
        new("4 that call what is not there", s_polite, Talkers(4, [], Repeat(100, _ => """{"type":"call","id":"c","method":"nothing"}"""))),
        new("1 that joins and leaves a room of 3,000, and asks for its members", new() { Connections = 3000, Rate = 10 },
            Talkers(1, [], Repeat(300, i => (i % 3) switch
            {
                0 => Join("r0"),
                1 => """{"type":"members","id":"m","room":"r0"}""",
                _ => """{"type":"leave","room":"r0"}""",
            })), "--Limits:LoopbackCounts=false"),
    ];

    public override void Run(Options options, Section section)
    {
        if (!options.Targets.Contains(TargetKind.Realtime))
        {
            section.Note("Only the server in one process is attacked.");
            return;
        }
        var runs = s_attacks.Where(attack => options.Only is null || attack.Name.Contains(options.Only, StringComparison.OrdinalIgnoreCase))
            .ToDictionary(attack => attack, _ => new List<Outcome>());
        var time = TimeSpan.FromSeconds(options.IsQuick ? 2 : 6);
        for (var run = 0; run < options.Runs; run++)
        {
            foreach (var attack in runs.Keys)
            {
                Console.WriteLine($"  run {run + 1}: {attack.Name}");
                using var target = TargetKind.Realtime.Start([.. s_limits, .. attack.Settings, .. options.Settings]);
                runs[attack].Add(Measure(target, attack, time));
            }
        }
        var table = section.Table("Latency of polite clients, ms", "attack", "p50 before", "p99 before", "p50 during", "p99 during", "p99, multiple",
            "memory, MB more", "attack, MB/s taken", "refused or closed", "ok");
        foreach (var (attack, outcomes) in runs)
        {
            double[] Of(Func<Outcome, double> figure) => [.. outcomes.Select(figure)];
            var isValid = outcomes.All(outcome => outcome.Before.Load.IsValid && outcome.During.Load.IsValid);
            var multiple = Of(outcome => outcome.During.P99).Median() / Of(outcome => outcome.Before.P99).Median();
            table.Row(attack.Name, Of(outcome => outcome.Before.P50).Show(), Of(outcome => outcome.Before.P99).Show(), Of(outcome => outcome.During.P50).Show(),
                Of(outcome => outcome.During.P99).Show(), Spread.Figure(multiple), Of(outcome => outcome.Megabytes).Show(), Of(outcome => outcome.AttackMegabytes).Show(),
                $"{outcomes.Max(outcome => outcome.Ends)}", isValid ? "ok" : "NOT VALID");
            section.Verdict($"{attack.Name}: p99 of polite clients, multiple of that before", multiple, Bound);
            foreach (var outcome in outcomes.Where(outcome => !outcome.During.Load.IsValid || !outcome.Before.Load.IsValid))
                section.Fail($"{attack.Name}: {(outcome.Before.Load.IsValid ? outcome.During.Load.Problem : outcome.Before.Load.Problem)}");
        }
        section.Note("The limits are those that are on outside Development, and count for loopback as well, but in the last attack, whose polite clients are more than one address may have.");
        section.Note("ok is about the polite ones: each message once, in order, and nobody closed. The attackers are threads on the generator's core, so latencies during an attack are rather too high than too low. Each attack has run once before, as what a process does for the first time belongs to its start.");
    }

    private static Outcome Measure(Target target, Attack attack, TimeSpan time)
    {
        using var polite = new LoadClient(attack.Polite, target.Dialect, target.Ports);
        polite.Connect(TimeSpan.FromSeconds(30));
        polite.Run(TimeSpan.FromSeconds(2)); // paced: what a closed loop publishes is over the limits
        var resident = target.Usage.Resident;
        // What a process does for the first time, compiling and its first collections, belongs to its start and not to the attack.
        using (new Attacker(target.Ports[0], attack.Connections))
            polite.Run(s_warmUp);
        polite.Idle(TimeSpan.FromSeconds(2)); // until the limits have forgotten it
        var before = Measurement.Take(polite, () => target.Usage, time);
        using var attacker = new Attacker(target.Ports[0], attack.Connections);
        polite.Idle(TimeSpan.FromSeconds(0.5));
        var during = Measurement.Take(polite, () => target.Usage, time);
        return new Outcome(before, during, (target.Usage.Resident - resident) / 1048576.0, attacker.Bytes / 1048576.0 / (during.Load.Seconds + 0.5), attacker.Ends);
    }

    private static AttackConnection[] Talkers(int connections, string[] before, IEnumerable<string> repeat, bool reads = true)
    {
        var frames = Attacker.Frames(repeat);
        return [.. Enumerable.Range(0, connections).Select(i => new AttackConnection(Path(i), Attacker.Frames(before), frames, reads))];
    }

    private static AttackConnection[] Requests(int connections, string repeat) =>
        [.. Enumerable.Range(0, connections).Select(_ => new AttackConnection(null, [], Encoding.ASCII.GetBytes(repeat)))];

    private static AttackConnection[] Droppers(int connections, Func<int, string> request) =>
        [.. Enumerable.Range(0, connections).Select(i => new AttackConnection(null, Encoding.ASCII.GetBytes(request(i)), [], Stays: false))];

    private static string Post(string path, string body) =>
        $"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}";

    private static string Path(int user) => $"/ws?user=attacker{user}";

    private static string Join(string room) => $$"""{"type":"join","room":"{{room}}"}""";

    private static IEnumerable<string> Repeat(int times, Func<int, string> content) => Enumerable.Range(0, times).Select(content);

    private static string Text(int length) => new('x', length);
}
