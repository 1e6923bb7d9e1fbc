using Microsoft.Extensions.Configuration;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Silo;

namespace Realtime.WebFront.Tests;

/// <summary>A silo whose log is a file of SQLite, which the next one finds in the folder.</summary>
internal static class FileSilo
{
    public static async Task<InProcessTestCluster> Start(DirectoryInfo folder, params (string Key, string Value)[] settings)
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureHost(host => host.Configuration.AddInMemoryCollection(
        [
            new("Log:Provider", "sqlite"), new("Log:ConnectionString", $"Data Source={Path.Combine(folder.FullName, "log.db")}"),
            .. settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)),
        ]));
        builder.ConfigureSilo((_, silo) => silo.AddRealtime());
        builder.ConfigureClient(client => client.AddRealtimeClient());
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }
}
