using System.Diagnostics;
using Microsoft.AspNetCore.SignalR.Client;

namespace Realtime.Backplane;

/// <summary>Latency with one message at a time, then groups with members on both servers at a fixed rate, then as fast as it goes.</summary>
internal static class Measurement
{
    /// <summary>Messages a second, over all groups.</summary>
    public const int Rate = 1000;

    private const int Groups = 20;
    private const int MembersPerServer = 2; // of a group
    private const int Publishers = 64;

    private static readonly string s_text = new('x', 200);
    private static readonly TimeSpan s_duration = TimeSpan.FromSeconds(8);
    private static long s_delivered;

    public static async Task<Figures> Run(Servers servers)
    {
        var (p50, p99) = await Latency(servers);
        List<HubConnection> clients = [];
        for (var i = 0; i < Groups * MembersPerServer * 2; i++)
        {
            var client = await Connect(servers.Hubs[i % 2]);
            client.On<string>("say", _ => Interlocked.Increment(ref s_delivered));
            await client.InvokeAsync("Join", $"group-{i / 2 % Groups}");
            clients.Add(client);
        }
        var publishers = await Task.WhenAll(Enumerable.Range(0, Publishers).Select(i => Connect(servers.Hubs[i % 2])));
        await Measure(servers, () => Flood(publishers, TimeSpan.FromSeconds(4))); // warm
        var paced = await Measure(servers, () => Paced(publishers));
        var full = await Measure(servers, () => Flood(publishers, s_duration));
        foreach (var client in clients.Concat(publishers))
            await client.DisposeAsync();
        return new(servers.Name, p50, p99, paced.Cpu, full.Cpu, full.Rate);
    }

    private static async Task<HubConnection> Connect(Uri hub)
    {
        var client = new HubConnectionBuilder().WithUrl(hub).Build();
        await client.StartAsync();
        return client;
    }

    private static async Task<(double P50, double P99)> Latency(Servers servers)
    {
        const int warmUp = 1500;
        const int messages = 3000;
        await using var sender = await Connect(servers.Hubs[0]);
        await using var receiver = await Connect(servers.Hubs[1]);
        TaskCompletionSource got = new();
        receiver.On<string>("say", _ => Volatile.Read(ref got).TrySetResult());
        // Over many groups: one of them may have its place with the sender, with the receiver, or with neither.
        for (var i = 0; i < Groups; i++)
            await receiver.InvokeAsync("Join", $"latency-{i}");
        var times = new List<double>(messages);
        for (var i = 0; i < warmUp + messages; i++)
        {
            Volatile.Write(ref got, new(TaskCreationOptions.RunContinuationsAsynchronously));
            var began = Stopwatch.GetTimestamp();
            await sender.SendAsync("Send", $"latency-{i % Groups}", s_text);
            await got.Task.WaitAsync(TimeSpan.FromSeconds(30));
            if (i >= warmUp)
                times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        times.Sort();
        return (times[messages / 2], times[messages * 99 / 100]);
    }

    private static async Task<(double Cpu, double Rate)> Measure(Servers servers, Func<Task<long>> load)
    {
        var (cpu, began, delivered) = (servers.Cpu, Stopwatch.GetTimestamp(), Interlocked.Read(ref s_delivered));
        var sent = await load();
        var expected = delivered + sent * MembersPerServer * 2;
        for (var wait = 0; Interlocked.Read(ref s_delivered) < expected; wait++)
        {
            if (wait == 1000)
                throw new InvalidOperationException($"{servers.Name}: {expected - Interlocked.Read(ref s_delivered)} of {sent * MembersPerServer * 2} deliveries are missing.");
            await Task.Delay(10);
        }
        var deliveries = Interlocked.Read(ref s_delivered) - delivered;
        return ((servers.Cpu - cpu).TotalMicroseconds / deliveries, deliveries / Stopwatch.GetElapsedTime(began).TotalSeconds);
    }

    private static async Task<long> Paced(HubConnection[] publishers)
    {
        var began = Stopwatch.GetTimestamp();
        var sent = 0L;
        while (Stopwatch.GetElapsedTime(began) < s_duration)
        {
            for (var due = (long)(Stopwatch.GetElapsedTime(began).TotalSeconds * Rate); sent < due; sent++)
                await publishers[sent % publishers.Length].SendAsync("Send", $"group-{sent % Groups}", s_text);
            await Task.Delay(1);
        }
        return sent;
    }

    private static async Task<long> Flood(HubConnection[] publishers, TimeSpan duration)
    {
        var began = Stopwatch.GetTimestamp();
        var sent = 0L;
        await Task.WhenAll(publishers.Select((publisher, number) => Task.Run(async () =>
        {
            for (var i = number; Stopwatch.GetElapsedTime(began) < duration; i++)
            {
                await publisher.InvokeAsync("Send", $"group-{i % Groups}", s_text);
                Interlocked.Increment(ref sent);
            }
        })));
        return sent;
    }
}
