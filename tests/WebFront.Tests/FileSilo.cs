using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Silo;

namespace Realtime.WebFront.Tests;

/// <summary>A silo whose log is a file of SQLite, which the next one finds in the folder.</summary>
internal static class FileSilo
{
    public static Task<InProcessTestCluster> Start(DirectoryInfo folder, params (string Key, string Value)[] settings) => Start(folder, TimeProvider.System, settings);

    public static async Task<InProcessTestCluster> Start(DirectoryInfo folder, TimeProvider time, params (string Key, string Value)[] settings)
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureHost(host => host.Configuration.AddInMemoryCollection(
            [new("Log:Provider", "sqlite"), new("Log:ConnectionString", $"Data Source={Path.Combine(folder.FullName, "log.db")}")])
            .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))));
        builder.ConfigureSilo((_, silo) => silo.AddRealtime().Services.AddSingleton(time));
        builder.ConfigureClient(client => client.AddRealtimeClient());
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }
}
