using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.Tests.Shared;
using Realtime.WebFront.Limiting;
using Realtime.WebFront.Operation;

namespace Realtime.WebFront.Tests.Limiting;

/// <summary>A front whose limits have a clock that the test moves, and tell how often each was met.</summary>
internal sealed class LimitedFront : IAsyncDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly Dictionary<string, long> _met = [];
    private readonly MeterListener _listener = new();
    private Front _front = null!;

    public Front Front => _front;

    /// <summary>Starts one. It has no limits but those that are given.</summary>
    public static async Task<LimitedFront> Start(Cluster cluster, params (string Key, string Value)[] settings)
    {
        var limited = new LimitedFront();
        var all = new Dictionary<string, string> { ["Limits:Enabled"] = "true", ["Limits:ConnectionsPerUser"] = "0", ["Limits:ConnectionsPerAddress"] = "0" };
        foreach (var limit in new[] { "Commands", "Publishes", "MessageBytes", "Joins", "Reads", "Directs", "Refreshes", "Calls", "Errors", "Handshakes" })
            all[$"Limits:{limit}:Rate"] = "0";
        foreach (var (key, value) in settings)
            all[key] = value;
        limited._front = await Front.Start(cluster.Client, null, [.. all.Select(setting => (setting.Key, setting.Value))], build: builder =>
        {
            builder.Services.AddSingleton(services => new CommandLimits(Options(services), Metrics(services), limited._time));
            builder.Services.AddSingleton(services => new ConnectionLimits(Options(services), Metrics(services), services.GetRequiredService<ConnectionRegistry>(), services.GetRequiredService<RecentErrors>(), limited._time));
        });
        limited.Listen();
        return limited;

        static IOptions<LimitOptions> Options(IServiceProvider services) => services.GetRequiredService<IOptions<LimitOptions>>();
        static LimitMetrics Metrics(IServiceProvider services) => services.GetRequiredService<LimitMetrics>();
    }

    public static (string Key, string Value)[] Rate(string limit, int rate, int burst) =>
        [($"Limits:{limit}:Rate", $"{rate}"), ($"Limits:{limit}:Burst", $"{burst}")];

    public void Advance(int milliseconds) => _time.Advance(TimeSpan.FromMilliseconds(milliseconds));

    /// <summary>How often a limit was met, as the metric says.</summary>
    public long Met(string limit)
    {
        _listener.RecordObservableInstruments();
        return _met.GetValueOrDefault(limit);
    }

    /// <summary>Waits until a limit was met so often.</summary>
    public async Task UntilMet(string limit, long times)
    {
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while (Met(limit) < times)
            await Task.Delay(5, bound.Token);
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _front.DisposeAsync();
    }

    private void Listen()
    {
        var meters = _front.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "realtime.front.limits" && ReferenceEquals(instrument.Meter.Scope, meters))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((_, value, tags, _) => _met[(string)tags[0].Value!] = value);
        _listener.Start();
    }
}
