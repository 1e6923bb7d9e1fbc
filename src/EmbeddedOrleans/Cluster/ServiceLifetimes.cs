using Microsoft.Extensions.DependencyInjection;

namespace Orleans.Embedded;

/// <summary>What is registered as a singleton: such services need no scope.</summary>
internal sealed class ServiceLifetimes(IServiceCollection services)
{
    private readonly Lazy<HashSet<Type>> _others = new(() =>
        [.. services.Where(service => service.Lifetime != ServiceLifetime.Singleton).Select(service => service.ServiceType)]);

    /// <summary>True too for what is not registered: then no scope would give it.</summary>
    public bool IsSingleton(Type type) =>
        !_others.Value.Contains(type) && !(type.IsGenericType && _others.Value.Contains(type.GetGenericTypeDefinition()));
}
