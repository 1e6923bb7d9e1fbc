using System.Text.Json;
using System.Text.Json.Serialization;
using Realtime.Chaos.Checking;

namespace Realtime.Chaos;

/// <summary>Writes all that is known of a run as JSON lines, one file per kind.</summary>
internal static class Dump
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    public static void Write(string folder, RunResult result)
    {
        Lines(Path.Combine(folder, "histories.jsonl"), result.History.Clients.SelectMany(client => client.Events.Select(item => new
        {
            client.Client,
            Time = item.Time.TotalSeconds,
            item.Kind,
            item.Room,
            item.At.Epoch,
            Seq = item.At.Epoch is null ? (long?)null : item.At.Sequence,
            item.Recovered,
            item.Content,
        })));
        Lines(Path.Combine(folder, "publishes.jsonl"), result.History.Publishes.Select(publish => new
        {
            publish.Id,
            publish.Room,
            Sent = publish.SentAt.TotalSeconds,
            Answered = publish.AnsweredAt?.TotalSeconds,
            publish.Ack?.Epoch,
            Seq = publish.Ack?.Sequence,
            publish.Tries,
            publish.Failure,
        }));
        Lines(Path.Combine(folder, "strikes.jsonl"), result.Strikes.Select(strike => new
        {
            Time = strike.At.TotalSeconds,
            Victims = strike.Victims.Select(victim => victim.ToString()),
        }));
        Lines(Path.Combine(folder, "findings.jsonl"), result.Verdict.Findings);
    }

    private static void Lines<T>(string path, IEnumerable<T> items)
    {
        using var writer = new StreamWriter(path);
        foreach (var item in items)
            writer.WriteLine(JsonSerializer.Serialize(item, s_json));
    }
}
