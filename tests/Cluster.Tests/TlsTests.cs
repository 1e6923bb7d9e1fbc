using System.Net;

namespace Realtime.Cluster.Tests;

/// <summary>Silos and fronts that show each other certificates, and processes that have none or foreign ones.</summary>
public sealed class TlsTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Processes_with_certificates_of_the_authority_are_a_cluster_and_others_get_nothing_of_it()
    {
        using Authority ours = new(), foreign = new();
        var database = await postgres.CreateDatabase();
        await using var cluster = await Clusters.Start(database, silos: 2, fronts: 1, ours.Settings());
        await using var other = Clusters.StartOne("front", database, ours.Settings(asPfx: true)); // a certificate of its own
        await other.WaitUntilReady();

        await using var alice = await Client.Connect(cluster.Fronts[0], "alice");
        await using var bob = await Client.Connect(other, "bob");
        for (var i = 0; i < 8; i++) // on one silo or the other
        {
            await alice.Join($"room{i}");
            await bob.Join($"room{i}");
            await alice.Publish($"room{i}", "hi");
            await bob.WaitFor($"room{i}", "hi");
        }

        // They find the gateways in the database, and no gateway takes them.
        await using var open = Clusters.StartOne("front", database);
        await using var stranger = Clusters.StartOne("front", database, foreign.Settings(trusts: ours));
        await using var trusting = Clusters.StartOne("front", database, foreign.Settings());
        foreach (var refused in new[] { open, stranger, trusting })
        {
            await refused.WaitForOutput("can be reached");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await refused.Health("ready")).Status);
        }
        await bob.Publish("room0", "still here");
        await alice.WaitFor("room0", "still here");
    }

    [Fact]
    public async Task Without_certificates_a_silo_and_a_front_say_outside_development_that_they_are_open()
    {
        foreach (var role in new[] { "silo", "front" })
        {
            await using var process = Clusters.StartOne(role, null, "--environment=Production", "--Rooms:Open=true", "--Cluster:AdvertisedAddress=127.0.0.1",
                $"--Cluster:SiloPort={Ports.Free()}", $"--Cluster:GatewayPort={Ports.Free()}",
                "--Authentication:Schemes:Bearer:ValidIssuer=i", "--Authentication:Schemes:Bearer:ValidAudience=a", "--Authentication:Schemes:Bearer:SigningKeys:0:Id=k",
                $"--Authentication:Schemes:Bearer:SigningKeys:0:Value={Convert.ToBase64String(new byte[32])}");
            await process.WaitForOutput("talk without TLS");
        }
    }

    [Theory]
    [InlineData("Cluster:Tls:Authorities is missing; it must be a PEM file", "Certificate")]
    [InlineData("Cluster:Tls:Certificate is '", "Certificate", "Authorities", "broken")]
    [InlineData("Cluster:Tls:Authorities is '", "Certificate", "Key", "Authorities", "no authorities")]
    [InlineData("Cluster:Tls:Key is set, and Cluster:Tls:Certificate is not", "Key")]
    public async Task Certificates_that_cannot_be_used_end_the_start_with_one_line(string told, params string[] given)
    {
        using var authority = new Authority();
        var settings = authority.Settings().Where(setting => given.Contains(setting.Split('=')[0].Split(':')[^1])).ToArray();
        if (given.Contains("broken"))
            await File.WriteAllTextAsync(settings[0].Split('=')[1], "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        if (given.Contains("no authorities"))
            await File.WriteAllTextAsync(authority.FileOf("authority.pem"), "nothing");
        await using var process = Clusters.StartOne("silo", null, settings);
        Assert.Equal(1, await process.Ended.WaitAsync(ServerProcess.Patience));
        Assert.StartsWith($"realtime: {told}", Assert.Single(process.Output.Trim().Split('\n')));
    }
}
