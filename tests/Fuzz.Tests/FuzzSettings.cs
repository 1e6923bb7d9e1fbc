using System.Globalization;

namespace Realtime.Fuzz.Tests;

/// <summary>What a run does, from the environment; docs/guarantees.md describes it.</summary>
/// <param name="Cases">How many, over all kinds.</param>
/// <param name="Seed">All cases follow from it.</param>
/// <param name="Only">Cases of an earlier run, by kind and number, instead of all.</param>
/// <param name="Kind">The only kind; null for all.</param>
/// <param name="Workers">How many cases run at once.</param>
internal sealed record FuzzSettings(int Cases, ulong Seed, (string Kind, int Number)[] Only, string? Kind, int Workers)
{
    public static FuzzSettings Read() => new(
        Number("REALTIME_FUZZ_CASES", 20_000, 1, 1_000_000_000),
        (ulong)Number("REALTIME_FUZZ_SEED", 1, 0, int.MaxValue),
        Chosen(Environment.GetEnvironmentVariable("REALTIME_FUZZ_ONLY")),
        Environment.GetEnvironmentVariable("REALTIME_FUZZ_KIND") is { Length: > 0 } kind ? kind : null,
        Number("REALTIME_FUZZ_WORKERS", 16, 1, 250));

    private static int Number(string name, int otherwise, int least, int most)
    {
        if (Environment.GetEnvironmentVariable(name) is not { Length: > 0 } text)
            return otherwise;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw new ArgumentException($"{name} is '{text}'; it must be a number from {least} to {most}.");
    }

    private static (string, int)[] Chosen(string? text)
    {
        var all = new List<(string, int)>();
        foreach (var part in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var colon = part.IndexOf(':');
            if (colon < 1 || !int.TryParse(part.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                throw new ArgumentException($"REALTIME_FUZZ_ONLY has '{part}'; it must be kinds and numbers, as in frames:12,json:7.");
            all.Add((part[..colon], number));
        }
        return [.. all];
    }
}
