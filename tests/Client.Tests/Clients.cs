using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Realtime.Client.Tests;

/// <summary>What is sent as data.</summary>
public sealed record Order(int Number);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(int[]))]
internal sealed partial class TestJson : JsonSerializerContext;

internal static class Clients
{
    /// <summary>The bound of every wait.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    public static RealtimeClient Make(Uri address, Action<RealtimeClientOptions>? configure = null, TimeProvider? time = null, ILogger<RealtimeClient>? logger = null)
    {
        var options = new RealtimeClientOptions { Address = address, RetryBase = TimeSpan.FromMilliseconds(20), RetryMax = TimeSpan.FromMilliseconds(100) };
        configure?.Invoke(options);
        return new(options, logger, time);
    }

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Bound);

    public static Task Soon(this Task task) => task.WaitAsync(Bound);

    /// <summary>The changes of a client's state, from now on.</summary>
    public static ChannelReader<RealtimeStatus> Statuses(this RealtimeClient client)
    {
        var changes = Channel.CreateUnbounded<RealtimeStatus>();
        client.StatusChanged += (_, status) => changes.Writer.TryWrite(status);
        return changes.Reader;
    }

    /// <summary>The next one that fits.</summary>
    public static async Task<T> Next<T>(this ChannelReader<T> reader, Func<T, bool>? fits = null)
    {
        while (true)
        {
            var item = await reader.ReadAsync().AsTask().Soon();
            if (fits?.Invoke(item) != false)
                return item;
        }
    }

    /// <summary>The next so many.</summary>
    public static async Task<List<T>> Take<T>(this IAsyncEnumerable<T> items, int count)
    {
        using var bound = new CancellationTokenSource(Bound);
        var taken = new List<T>();
        if (count == 0)
            return taken;
        await foreach (var item in items.WithCancellation(bound.Token))
        {
            taken.Add(item);
            if (taken.Count == count)
                break;
        }
        return taken;
    }

    /// <summary>All until the end.</summary>
    public static async Task<List<T>> ToList<T>(this IAsyncEnumerable<T> items)
    {
        using var bound = new CancellationTokenSource(Bound);
        var taken = new List<T>();
        await foreach (var item in items.WithCancellation(bound.Token))
            taken.Add(item);
        return taken;
    }

    public static async Task Fails(string code, Task task) =>
        Assert.Equal(code, (await Assert.ThrowsAsync<RealtimeException>(() => task.Soon())).Code);

    public static string Name(string of) => $"{of}-{Guid.NewGuid():N}";
}
