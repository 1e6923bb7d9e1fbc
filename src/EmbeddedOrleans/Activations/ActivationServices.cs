using Microsoft.Extensions.DependencyInjection;

namespace Orleans.Embedded;

/// <summary>The services of one activation: a scope that is made when it is first asked.</summary>
internal sealed class ActivationServices(IServiceProvider silo) : IServiceProvider, IKeyedServiceProvider, IAsyncDisposable
{
    private AsyncServiceScope? _scope;

    private IServiceProvider Scoped => (_scope ??= silo.CreateAsyncScope()).ServiceProvider;

    public object? GetService(Type serviceType) => Scoped.GetService(serviceType);

    public object? GetKeyedService(Type serviceType, object? serviceKey) => Scoped.GetKeyedServices(serviceType, serviceKey).LastOrDefault();

    public object GetRequiredKeyedService(Type serviceType, object? serviceKey) => Scoped.GetRequiredKeyedService(serviceType, serviceKey);

    public ValueTask DisposeAsync() => _scope?.DisposeAsync() ?? default;
}
