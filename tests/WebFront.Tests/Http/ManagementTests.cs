using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Options;
using Realtime.Processes;
using Realtime.Server;

namespace Realtime.WebFront.Tests.Http;

/// <summary>What those who run a front ask is at another port, if they wish.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ManagementTests(Cluster cluster)
{
    private static readonly string[] s_ofManagement = ["/metrics", "/health/live", "/health/ready", "/openapi/v1.json", "/", "/toolbox.html", "/realtime.js", "/console", "/console/console.js"];

    [Theory]
    [InlineData("urls")]
    [InlineData("Kestrel:Endpoints")]
    public async Task It_is_there_and_not_where_clients_are(string listening)
    {
        var port = Ports.Free();
        await using var front = await Start($"http://127.0.0.1:{port}", listening == "urls" ? null : "http://127.0.0.1:0");
        var clients = front.Addresses.Single(address => address.Port != port);
        var management = front.Addresses.Single(address => address.Port == port);
        foreach (var path in s_ofManagement)
        {
            Assert.Equal((path, 200), (path, (await RawHttp.Send(management, "GET", path)).Status));
            // The port is that of the connection, whatever the request says.
            foreach (var header in new[] { "X-A: b", $"X-Forwarded-Port: {port}", $"X-Forwarded-Host: 127.0.0.1:{port}" })
                Assert.Equal((path, "not_found"), (path, (await RawHttp.Send(clients, "GET", path, null, header)).Code));
        }
        Assert.Equal(404, (await RawHttp.Send(clients, "GET", "/METRICS")).Status);
        Assert.Equal(404, (await RawHttp.Send(clients, "GET", "/%6detrics")).Status);
        Assert.Equal(404, (await RawHttp.Send(clients, "GET", "/ws/echo")).Status);
        Assert.Equal(200, (await RawHttp.Send(clients, "GET", "/api/cluster")).Status);
        await using var client = await TestClient.Connect(new Uri($"ws://{clients.Authority}/ws?user=alice"));
        Assert.Empty(await client.Drain());
        Assert.False((await RawHttp.Send(clients, "GET", "/api/cluster")).Headers.ContainsKey("server"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_console_is_on_where_it_is_not_the_clients(bool hasManagement)
    {
        var port = Ports.Free();
        await using var front = await Start(hasManagement ? $"http://127.0.0.1:{port}" : "", null, "Production", [.. Security.TestFront.Trusting(Security.Issuer.Hs256())]);
        var codes = new List<int>();
        foreach (var address in front.Addresses.OrderBy(address => address.Port == port))
            codes.Add((await RawHttp.Send(address, "GET", "/console")).Status);
        Assert.Equal(hasManagement ? [404, 200] : [404], codes);
        foreach (var address in front.Addresses)
            Assert.Equal(404, (await RawHttp.Send(address, "GET", "/toolbox.html")).Status);
    }

    [Theory]
    [InlineData("http://unix:/tmp/x", "Management:Urls has 'http://unix:/tmp/x'; it must be http or https, a host and a port: http://127.0.0.1:5081.")]
    [InlineData("127.0.0.1:5081", "Management:Urls has '127.0.0.1:5081'; it must be http or https, a host and a port: http://127.0.0.1:5081.")]
    [InlineData("http://127.0.0.1:0", "Management:Urls has 'http://127.0.0.1:0'; it must be http or https, a host and a port: http://127.0.0.1:5081.")]
    public async Task What_is_no_address_stops_the_start(string address, string expected)
    {
        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => Start(address, null));
        Assert.Equal([expected], refused.Failures);
    }

    [Fact]
    public async Task A_port_of_clients_stops_the_start()
    {
        var port = Ports.Free();
        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => Start($"http://127.0.0.1:{port}", $"http://*:{port}"));
        Assert.Contains("it must be another", refused.Message, StringComparison.Ordinal);
    }

    private Task<Front> Start(string management, string? endpoint, string? environment = null, params KeyValuePair<string, string?>[] settings) =>
        Front.Start(cluster.Client, null, [.. settings.Where(setting => setting.Value is not null).Select(setting => (setting.Key, setting.Value!))], environment, app => app.MapFront(), builder =>
        {
            builder.ListenAt("http://127.0.0.1:0");
            builder.Configuration["Management:Urls"] = management;
            if (endpoint is not null)
                builder.Configuration["Kestrel:Endpoints:Clients:Url"] = endpoint;
            ManagementSettings.Use(builder);
        });
}
