using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Realtime.Cluster.Tests;

/// <summary>What processes tell of themselves, to Prometheus and to a collector.</summary>
public sealed class TelemetryTests
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_silo_has_metrics_for_who_reaches_it()
    {
        var port = Ports.Free();
        await using var silo = Clusters.StartOne("silo", null, $"--Cluster:SiloPort={port}", $"--Cluster:PrimarySiloPort={port}", $"--Cluster:GatewayPort={Ports.Free()}");
        using var http = new HttpClient { BaseAddress = silo.Address, Timeout = s_bound };
        var metrics = await Until(() => http.GetStringAsync("/metrics"), text => text.Contains("\norleans_grains{", StringComparison.Ordinal));
        Assert.Contains("\ndotnet_gc_pause_time_seconds_total", metrics);
        Assert.Contains("service_name=\"realtime-silo\"", metrics);
    }

    [Fact]
    public async Task A_collector_that_the_standard_variable_names_gets_metrics_and_logs()
    {
        await using var collector = await Collector.Start();
        var environment = new Dictionary<string, string?>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "300",
            ["OTEL_SERVICE_NAME"] = "the name of this test",
        };
        await using var single = ServerProcess.Start(ProcessStart.OfServer("Server", "single", Ports.Free(), environment));
        var metrics = await collector.Next("metrics", "realtime.connection.active");
        Assert.Contains("the name of this test", metrics, StringComparison.Ordinal);
        await collector.Next("logs", "Application started");
    }

    private static async Task<string> Until(Func<Task<string>> get, Func<string, bool> isEnough)
    {
        using var bound = new CancellationTokenSource(s_bound);
        while (true)
        {
            try
            {
                if (await get() is var text && isEnough(text))
                    return text;
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }
            await Task.Delay(100, bound.Token);
        }
    }

    /// <summary>Takes what is sent by OTLP over HTTP. The texts in it stand in the bytes as they are.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly ConcurrentQueue<(string Signal, string Body)> _received = new();
        private readonly WebApplication _app;

        private Collector()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            _app = builder.Build();
            _app.MapPost("/v1/{signal}", async (string signal, HttpRequest request) =>
            {
                using var body = new MemoryStream();
                await request.Body.CopyToAsync(body);
                _received.Enqueue((signal, Encoding.UTF8.GetString(body.ToArray())));
            });
        }

        public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

        public static async Task<Collector> Start()
        {
            var collector = new Collector();
            await collector._app.StartAsync();
            return collector;
        }

        /// <summary>What has come of a signal that has a text in it.</summary>
        public Task<string> Next(string signal, string text) => Until(
            () => Task.FromResult(_received.FirstOrDefault(one => one.Signal == signal && one.Body.Contains(text, StringComparison.Ordinal)).Body ?? ""),
            body => body.Length > 0);

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
