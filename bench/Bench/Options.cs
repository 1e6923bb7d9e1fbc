using Realtime.Bench.Load;
using Realtime.Bench.Scenarios;
using Realtime.Bench.Servers;

namespace Realtime.Bench;

/// <summary>What the command line asks for.</summary>
internal sealed record Options
{
    private const int MostBytes = 65_000; // our fronts take 64 KiB of JSON by default, and the quotes count

    public required IReadOnlyList<Scenario> Scenarios { get; init; }

    public required IReadOnlyList<TargetKind> Targets { get; init; }

    public required IReadOnlyList<int> Payloads { get; init; }

    /// <summary>Runs of which the median counts.</summary>
    public required int Runs { get; init; }

    /// <summary>Short loads, one run, and results that are not kept: to see whether something works.</summary>
    public required bool IsQuick { get; init; }

    /// <summary>Part of the names of the attacks that are measured; null for all of them.</summary>
    public string? Only { get; init; }

    /// <summary>Where the results go.</summary>
    public required string Output { get; init; }

    /// <summary>Settings for our own servers.</summary>
    public required string[] Settings { get; init; }

    /// <param name="root">The repository.</param>
    /// <exception cref="UsageException">Something in it is wrong.</exception>
    public static Options Parse(string[] arguments, string root)
    {
        var scenarios = new List<Scenario>();
        IReadOnlyList<TargetKind> targets = TargetKind.All;
        IReadOnlyList<int> payloads = [128];
        int? runs = null;
        var quick = false;
        string? only = null;
        string[] settings = [];
        for (var i = 0; i < arguments.Length; i++)
        {
            var (name, value) = arguments[i].StartsWith("--") && arguments[i].Split('=', 2) is [var left, var right] ? (left, right) : (arguments[i], null);
            string Value() => value ?? (++i < arguments.Length ? arguments[i] : throw new UsageException($"{name} needs a value"));
            switch (name)
            {
                case "--":
                    settings = arguments[(i + 1)..];
                    i = arguments.Length;
                    break;
                case "--quick":
                    quick = true;
                    break;
                case "--runs":
                    runs = Number(name, Value(), 1, 20);
                    break;
                case "--only":
                    only = Value();
                    break;
                case "--payload":
                    payloads = [.. Value().Split(',').Select(text => Number(name, text, Payload.HeaderLength, MostBytes))];
                    break;
                case "--targets":
                    targets = [.. Value().Split(',').Select(text => Find(TargetKind.All, kind => kind.Name, text, "target"))];
                    break;
                case var option when option.StartsWith('-'):
                    throw new UsageException($"unknown option '{option}'");
                default:
                    scenarios.Add(Find(Scenario.All, scenario => scenario.Name, name, "scenario"));
                    break;
            }
        }
        return new Options
        {
            Scenarios = scenarios.Count > 0 ? scenarios : Scenario.All,
            Targets = targets,
            Payloads = payloads,
            Runs = runs ?? (quick ? 1 : 3),
            IsQuick = quick,
            Only = only,
            Output = Path.Combine(root, quick || only is not null ? "artifacts/bench" : "bench"), // a part is no result to keep
            Settings = settings,
        };
    }

    private static int Number(string option, string text, int least, int most) =>
        int.TryParse(text, out var number) && number >= least && number <= most
            ? number
            : throw new UsageException($"{option} is '{text}'; it must be a number from {least} to {most}");

    private static T Find<T>(IEnumerable<T> all, Func<T, string> name, string text, string what) =>
        all.FirstOrDefault(item => name(item) == text)
            ?? throw new UsageException($"unknown {what} '{text}'; there are {string.Join(", ", all.Select(name))}");
}

/// <summary>The command line is wrong; the message says what.</summary>
internal sealed class UsageException(string message) : Exception(message);
