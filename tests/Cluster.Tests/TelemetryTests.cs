using System.Globalization;
using Npgsql;

namespace Realtime.Cluster.Tests;

/// <summary>What processes tell of themselves, to Prometheus and to a collector.</summary>
public sealed class TelemetryTests(PostgresFixture postgres)
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

    [Fact]
    public async Task What_happens_at_a_front_and_in_a_room_is_measured()
    {
        var folder = Directory.CreateTempSubdirectory("realtime-metrics-");
        try
        {
            await using var single = Clusters.StartOne("single", null, "--Log:Provider=sqlite", $"--Log:ConnectionString=Data Source={Path.Combine(folder.FullName, "log.db")}");
            await single.WaitUntilReady();
            await using var alice = await Client.Connect(single, "alice");
            await alice.Join("measured");
            var bob = await Client.Connect(single, "bob");
            await bob.Join("measured");
            await alice.Publish("measured", "one");
            var at = await bob.WaitFor("measured", "one");
            await bob.DisposeAsync();
            await alice.Publish("measured", "two");
            await alice.Publish("measured", "three");
            await using var again = await Client.Connect(single, "bob");
            await again.Ask($$"""{"type":"join","room":"measured","epoch":"{{at.Epoch}}","seq":{{at.Sequence}}}""");
            await alice.Ask("""{"type":"message","room":"measured","key":"k","if":5,"content":"x"}"""); // version_conflict
            await alice.Ask("""{"type":"message","room":"elsewhere","content":"x"}"""); // not_joined
            await Assert.ThrowsAsync<HttpRequestException>(() => single.Get("/ws?user=alice")); // no upgrade

            var metrics = await Metrics.Until(single, metrics => metrics["realtime_connection_closes_total"] == 1);
            Assert.Equal(3, metrics["realtime_front_publish_duration_seconds_count{}"]);
            Assert.Equal(1, metrics["realtime_front_publish_duration_seconds_count{error_type=\"version_conflict\"}"]);
            Assert.Equal((1, 1), (metrics["realtime_front_errors_total{error_type=\"version_conflict\"}"], metrics["realtime_front_errors_total{error_type=\"not_joined\"}"]));
            Assert.Equal(1, metrics["realtime_front_delivery_duration_seconds_count"]); // the first of 64
            Assert.Equal((1, 2), (metrics["realtime_front_resume_messages_count"], metrics["realtime_front_resume_messages_sum"]));
            Assert.InRange(metrics["realtime_front_command_wait_time_seconds_count"], 7, 20);
            Assert.InRange(metrics["realtime_room_turn_duration_seconds_count"], 7, 20);
            Assert.InRange(metrics["realtime_front_fan_out_duration_seconds_count"], 3, 20);
            Assert.InRange(metrics["realtime_front_fan_out_connections_sum"], 4, 40);
            Assert.InRange(metrics["realtime_log_append_duration_seconds_count{}"], 3, 10);
            Assert.InRange(metrics["realtime_log_wait_time_seconds_count"], 3, 10);
            Assert.InRange(metrics["realtime_push_call_duration_seconds_count"], 3, 1000);
            Assert.Equal(1, metrics["realtime_connection_duration_seconds_count"]);
            Assert.Equal(1, metrics["realtime_connection_refused_upgrades_total{error_type=\"bad_request\"}"]);
            // In the boundaries of what takes a tenth of a millisecond to ten seconds, and nothing is told by a name of a room or user.
            Assert.Equal(3, metrics["realtime_front_publish_duration_seconds_bucket{le=\"10\"}"]);
            Assert.DoesNotContain("measured", metrics.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("alice", metrics.Text, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_front_that_dies_and_a_log_that_fails_are_seen_in_the_metrics_of_the_silo()
    {
        var database = await postgres.CreateDatabase();
        await using var cluster = await Clusters.Start(database, silos: 1, fronts: 2);
        await using var alice = await Client.Connect(cluster.Fronts[0], "alice");
        await using var bob = await Client.Connect(cluster.Fronts[1], "bob");
        await alice.Join("dying");
        await bob.Join("dying");
        await alice.Publish("dying", "one");
        await bob.WaitFor("dying", "one");
        Assert.Equal(1, (await Metrics.Until(cluster.Fronts[1], metrics => metrics["realtime_front_delivery_duration_seconds_count"] > 0))["realtime_front_delivery_duration_seconds_count"]);

        await cluster.Fronts[1].Kill();
        await alice.Publish("dying", "two");
        await Metrics.Until(cluster.Silos[0], metrics => metrics["realtime_push_retries_total"] > 0 && metrics["realtime_cluster_lost_leases_total{realtime_lease_holder=\"front\"}"] == 1);

        await using (var connection = new NpgsqlConnection(database))
        {
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand("ALTER TABLE realtime_messages RENAME TO gone", connection);
            await command.ExecuteNonQueryAsync();
        }
        await Assert.ThrowsAsync<InvalidOperationException>(() => alice.Publish("dying", "three"));
        await Metrics.Until(cluster.Silos[0], metrics => metrics["realtime_log_append_duration_seconds_count{error_type=\"failed\"}"] > 0 && metrics["realtime_log_failures_total"] > 0);
    }

    /// <summary>What a process shows at /metrics: by name and labels, or all of a name together.</summary>
    private sealed class Metrics
    {
        private readonly Dictionary<string, double> _values = [];

        private Metrics(string text)
        {
            Text = text;
            foreach (var line in text.Split('\n').Where(line => line.StartsWith("realtime_", StringComparison.Ordinal)))
            {
                var (series, value) = (line[..line.LastIndexOf(' ')], double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
                _values[series] = value;
                var name = series.Split('{')[0];
                _values[name] = _values.GetValueOrDefault(name) + value;
            }
        }

        public string Text { get; }

        public double this[string series] => _values.GetValueOrDefault(series);

        public static async Task<Metrics> Until(ServerProcess process, Func<Metrics, bool> isEnough) =>
            new(await TelemetryTests.Until(() => process.Get("/metrics"), text => isEnough(new Metrics(text))));
    }

    internal static async Task<string> Until(Func<Task<string>> get, Func<string, bool> isEnough)
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
}
