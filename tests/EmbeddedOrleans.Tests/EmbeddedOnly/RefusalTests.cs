using System.Net;
using System.Reflection;
using Microsoft.Extensions.Configuration;

namespace Realtime.EmbeddedOrleans.Tests.EmbeddedOnly;

/// <summary>A configuration of several processes does not start, and the error names the other engine.</summary>
public sealed class RefusalTests
{
    private const string OtherEngine = "./realtime use orleans";

    public static TheoryData<string, Func<ISiloBuilder, ISiloBuilder>> Clusters => new()
    {
        { "UseAdoNetClustering", silo => Call(silo, "UseAdoNetClustering", typeof(Action<>)) },
        { "UseRedisClustering", silo => Call(silo, "UseRedisClustering", typeof(string)) },
        { "UseRedisClustering", silo => Call(silo, "UseRedisClustering", typeof(Action<>)) },
        { "AddRedisGrainStorage", silo => Call(silo, "AddRedisGrainStorage", typeof(string), typeof(Action<>)) },
        { "AddRedisGrainStorage", silo => Call(silo, "AddRedisGrainStorageAsDefault", typeof(Action<>)) },
        { "AddAdoNetGrainStorage", silo => Call(silo, "AddAdoNetGrainStorage", typeof(string), typeof(Action<>)) },
        { "AddAdoNetGrainStorage", silo => Call(silo, "AddAdoNetGrainStorageAsDefault", typeof(Action<>)) },
        { "UseDevelopmentClustering", silo => silo.UseDevelopmentClustering(new IPEndPoint(IPAddress.Loopback, 11111)) },
        { "UseLocalhostClustering", silo => silo.UseLocalhostClustering(11112, 30001, new IPEndPoint(IPAddress.Loopback, 11111)) },
    };

    [Theory]
    [MemberData(nameof(Clusters), DisableDiscoveryEnumeration = true)]
    public async Task A_silo_of_a_cluster_does_not_start(string name, Func<ISiloBuilder, ISiloBuilder> configure)
    {
        Engine.SkipUnlessEmbedded("Orleans joins the cluster.");
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => configure(silo));
        using var host = builder.Build();
        var error = await Assert.ThrowsAsync<OrleansConfigurationException>(() => host.StartAsync().Soon());
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains(OtherEngine, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_clustering_provider_in_the_settings_does_not_start()
    {
        Engine.SkipUnlessEmbedded("Orleans joins the cluster.");
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection([new("Orleans:Clustering:ProviderType", "AdoNet")]);
        builder.UseOrleans(_ => { });
        using var host = builder.Build();
        var error = await Assert.ThrowsAsync<OrleansConfigurationException>(() => host.StartAsync().Soon());
        Assert.Contains("AdoNet", error.Message, StringComparison.Ordinal);
        Assert.Contains(OtherEngine, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_without_a_silo_in_the_process_does_not_start()
    {
        Engine.SkipUnlessEmbedded("Orleans looks for a gateway.");
        using var host = NewClient("nobody's cluster");
        var error = await Assert.ThrowsAsync<OrleansConfigurationException>(() => host.StartAsync().Soon());
        Assert.Contains("nobody's cluster", error.Message, StringComparison.Ordinal);
        Assert.Contains(OtherEngine, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_finds_the_silo_of_another_host_in_the_process()
    {
        Engine.SkipUnlessEmbedded("Orleans clients find silos by their gateways.");
        var cluster = Guid.NewGuid().ToString();
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => silo.UseLocalhostClustering(clusterId: cluster, serviceId: "service"));
        using var host = builder.Build();
        await host.StartAsync().Soon();
        using var client = NewClient(cluster);
        await client.StartAsync().Soon();
        var grain = client.Services.GetRequiredService<IClusterClient>().GetGrain<Conformance.ITurnGrain>("one");
        Assert.Equal(3, await grain.Add(3).Soon());
        await host.StopAsync().Soon();
        await Assert.ThrowsAsync<SiloUnavailableException>(() => grain.Add(3).Soon());
        await client.StopAsync().Soon();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => grain.Add(3).Soon());
    }

    private static IHost NewClient(string cluster)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleansClient(client => client.UseLocalhostClustering(clusterId: cluster, serviceId: "service"));
        return builder.Build();
    }

    /// <summary>By reflection: with Orleans, these come in packages that the tests do not have.</summary>
    private static ISiloBuilder Call(ISiloBuilder silo, string name, params Type[] parameters)
    {
        var method = typeof(ISiloBuilder).Assembly.GetExportedTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public))
            .Single(method => method.Name == name && Fits(method.GetParameters()));
        return (ISiloBuilder)method.Invoke(null, [silo, .. parameters.Select(type => type == typeof(string) ? "a name" : null)])!;

        bool Fits(ParameterInfo[] found) => found.Length == parameters.Length + 1
            && found[0].ParameterType == typeof(ISiloBuilder)
            && found.Skip(1).Zip(parameters).All(pair => pair.First.ParameterType == pair.Second
                || (pair.First.ParameterType is { IsGenericType: true } type && type.GetGenericTypeDefinition() == pair.Second && !type.GetGenericArguments()[0].IsGenericType));
    }
}
