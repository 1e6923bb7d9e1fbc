using System.Reflection;
using Realtime.Tests.Shared;

[assembly: AssemblyFixture(typeof(PostgresServer))]

// Bounds are measured, with all processes on one machine: one cluster at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Realtime.Cluster.Tests;

/// <summary>The engine that this project is built for. Only orleans has clusters of processes.</summary>
internal static class Engine
{
    public static readonly string Name = Assembly.GetExecutingAssembly()
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "OrleansEngine").Value!;

    public static void NeedsOrleans() =>
        Assert.SkipUnless(Name == "orleans", "A cluster of processes needs the orleans engine, and this is the embedded one.");
}
