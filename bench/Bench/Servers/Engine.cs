using System.Reflection;

namespace Realtime.Bench.Servers;

/// <summary>The engine that this project, and with it the server, is built for.</summary>
internal static class Engine
{
    public static readonly string Name = Assembly.GetExecutingAssembly()
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "OrleansEngine").Value!;
}
