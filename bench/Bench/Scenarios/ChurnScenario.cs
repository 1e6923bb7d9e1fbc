using System.Net;
using System.Text.Json;
using Realtime.Bench.Load;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>Clients that come, join a room, leave it, close, and come again.</summary>
internal sealed class ChurnScenario() : Scenario("churn", "Coming and going")
{
    private const int Clients = 64;
    private const int Rooms = 8; // joins of one room wait for each other

    private sealed record Outcome(double PerSecond, double CpuPerThousand, double Kilobytes, string? Left);

    public override void Run(Options options, Section section)
    {
        var time = TimeSpan.FromSeconds(options.IsQuick ? 2 : 6);
        var kinds = LoadScenario.Available(options, section);
        var runs = kinds.ToDictionary(kind => kind, _ => new List<Outcome>());
        for (var run = 0; run < options.Runs; run++)
        {
            foreach (var kind in kinds)
            {
                Console.WriteLine($"  run {run + 1}: {kind.Name}");
                runs[kind].Add(Measure(kind, options, time));
            }
        }
        var table = section.Table($"{Clients} clients at once: connect, join, leave, close, again and again",
            "server", "cycles/s", "server CPU, s per 1,000 cycles", "memory kept, KB per 1,000 cycles", "rooms empty afterwards");
        foreach (var kind in kinds)
        {
            var own = runs[kind];
            var left = own.Select(run => run.Left).FirstOrDefault(left => left is not null);
            table.Row(kind.Title, own.Select(run => run.PerSecond).ToArray().Show(), own.Select(run => run.CpuPerThousand).ToArray().Show(),
                own.Select(run => run.Kilobytes).ToArray().Show(), kind.IsOurs ? left ?? "ok" : "-");
            if (left is not null)
                section.Fail($"{kind.Title}: {left}");
        }
        section.Note("Memory kept: growth of the resident set over the measured cycles, after as many to warm up. Garbage counts, as long as it is not collected.");
    }

    private static Outcome Measure(TargetKind kind, Options options, TimeSpan time)
    {
        using var target = kind.Start(options.Settings);
        using var client = new LoadClient(new() { Connections = Clients, Rooms = Rooms }, target.Dialect, target.Ports);
        client.Churn(time);
        Thread.Sleep(1000);
        var before = target.Usage;
        var seconds = client.Churn(time);
        var used = target.Usage.Cpu - before.Cpu;
        Thread.Sleep(1000);
        var thousands = client.Cycles / 1000.0;
        return new Outcome(client.Cycles / seconds, used / thousands, (target.Usage.Resident - before.Resident) / 1024.0 / thousands,
            kind.IsOurs ? WhoIsLeft(target.Ports[0]) : null);
    }

    /// <summary>Null when the rooms are empty.</summary>
    private static string? WhoIsLeft(int port)
    {
        using var http = new HttpClient();
        for (var room = 0; room < Rooms; room++)
        {
            using var answer = http.GetAsync($"http://127.0.0.1:{port}/api/rooms/r{room}").GetAwaiter().GetResult();
            if (answer.StatusCode == HttpStatusCode.NotFound)
                continue; // nobody is in it
            using var json = JsonDocument.Parse(answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync().GetAwaiter().GetResult());
            if (json.RootElement.GetProperty("connections").GetInt32() is var left and not 0)
                return $"{left} connections are left in room r{room}";
        }
        return null;
    }
}
