using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>A part of the configuration that asks for more than one process. The host then does not start.</summary>
internal sealed record RefusedConfiguration(string What)
{
    /// <exception cref="OrleansConfigurationException">There is one.</exception>
    public static void ThrowIfAny(IEnumerable<RefusedConfiguration> refused)
    {
        var all = refused.Select(one => one.What).Distinct().ToArray();
        if (all.Length > 0)
        {
            throw new OrleansConfigurationException(
                $"The configuration asks for a cluster of processes or a shared storage ({string.Join(", ", all)}), but this program is built on the embedded engine, "
                + "which is one process. Use the orleans engine: `./realtime use orleans`, then build again.");
        }
    }
}

internal static class RefusedConfigurationExtensions
{
    public static void Refuse(this IServiceCollection services, string what) => services.AddSingleton(new RefusedConfiguration(what));
}
