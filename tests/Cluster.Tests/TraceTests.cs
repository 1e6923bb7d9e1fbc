using System.Net.Http.Json;

namespace Realtime.Cluster.Tests;

/// <summary>One message is one trace, through the process that takes it, the room's and those that deliver it.</summary>
public sealed class TraceTests
{
    [Fact]
    public async Task A_publish_is_one_trace_through_front_and_silo_and_so_is_what_a_service_sends()
    {
        await using var collector = await Collector.Start();
        var environment = new Dictionary<string, string?>
        {
            ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = collector.Address + "/v1/traces",
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
        };
        var (port, gateway) = (Ports.Free(), Ports.Free());
        await using var silo = ServerProcess.Start(ProcessStart.OfServer("Server", "silo", Ports.Free(), environment,
            "--Cluster:Role=silo", $"--Cluster:SiloPort={port}", $"--Cluster:PrimarySiloPort={port}", $"--Cluster:GatewayPort={gateway}"));
        await using var front = ServerProcess.Start(ProcessStart.OfServer("Server", "front", Ports.Free(), environment,
            "--Cluster:Role=front", $"--Cluster:GatewayPort={gateway}"));
        await front.WaitUntilReady();
        await using var alice = await Client.Connect(front, "alice");
        await alice.Join("traced");

        const string trace = "0af7651916cd43dd8448eb211c80319c", parent = "b7ad6b7169203331";
        await alice.Ask($$"""{"type":"message","room":"traced","content":"x","traceparent":"00-{{trace}}-{{parent}}-01"}""");
        var spans = await collector.Spans(trace, "realtime publish", "realtime room call", "realtime room turn", "realtime log append", "realtime stream publish", "realtime fan-out");
        Assert.Equal(parent, spans["realtime publish"].Parent);
        Assert.Equal(spans["realtime publish"].Id, spans["realtime room call"].Parent);
        Assert.True(Descends("realtime room turn", "realtime room call"));
        Assert.Equal(spans["realtime room turn"].Id, spans["realtime log append"].Parent);
        Assert.Equal(spans["realtime room turn"].Id, spans["realtime stream publish"].Parent);
        Assert.Equal(spans["realtime room turn"].Id, spans["realtime fan-out"].Parent);
        Assert.Equal(("realtime-front", "realtime-silo", "realtime-front"), (spans["realtime publish"].Service, spans["realtime room turn"].Service, spans["realtime fan-out"].Service));

        const string ofService = "4bf92f3577b34da6a3ce929d0e0e4736";
        using var http = new HttpClient { BaseAddress = front.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/rooms/traced/messages") { Content = JsonContent.Create(new { content = "y" }), Headers = { { "traceparent", $"00-{ofService}-{parent}-01" } } };
        (await http.SendAsync(request)).EnsureSuccessStatusCode();
        await collector.Spans(ofService, "realtime room turn", "realtime log append", "realtime stream publish", "realtime fan-out");

        // Who has said that it is not sampled, is not, and neither do the leases of fronts and silos begin traces.
        const string unsampled = "11111111111111111111111111111111";
        await alice.Ask($$"""{"type":"message","room":"traced","content":"z","traceparent":"00-{{unsampled}}-{{parent}}-00"}""");
        await alice.Ask("""{"type":"message","room":"traced","content":"last","traceparent":"00-22222222222222222222222222222222-b7ad6b7169203331-01"}""");
        await collector.Spans("22222222222222222222222222222222", "realtime publish", "realtime fan-out");
        Assert.DoesNotContain(collector.All, span => span.Trace == unsampled);
        Assert.DoesNotContain(collector.All, span => span.Name.Contains("Renew", StringComparison.Ordinal));

        bool Descends(string name, string ancestor)
        {
            var all = collector.All.Where(span => span.Trace == trace).ToDictionary(span => span.Id);
            for (var span = spans[name]; span is not null; span = all.GetValueOrDefault(span.Parent))
            {
                if (span.Name == ancestor)
                    return true;
            }
            return false;
        }
    }
}
