using System.Collections.Concurrent;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>The emitted proxy class of one interface.</summary>
internal sealed class ProxyType
{
    private static readonly ConcurrentDictionary<Type, ProxyType> s_types = new();

    private ProxyType(Type interfaceType)
    {
        Interface = interfaceType;
        Name = GrainInterfaceType.Create(interfaceType.FullName ?? interfaceType.Name);
        Create = ProxyEmitter.Emit(this);
    }

    public Type Interface { get; }

    public GrainInterfaceType Name { get; }

    public Func<GrainCaller, GrainId, GrainReference> Create { get; }

    /// <exception cref="ArgumentException">Not an interface of grains or observers.</exception>
    /// <exception cref="NotSupportedException">One of its methods cannot be called from afar.</exception>
    public static ProxyType For(Type interfaceType)
    {
        if (s_types.TryGetValue(interfaceType, out var known))
            return known;
        if (!interfaceType.IsInterface || !typeof(IAddressable).IsAssignableFrom(interfaceType))
            throw new ArgumentException($"{interfaceType} is not an interface that extends IGrain or IGrainObserver.", nameof(interfaceType));
        return s_types.GetOrAdd(interfaceType, static type => new ProxyType(type));
    }
}

/// <summary>The same by type argument: no look-up.</summary>
internal static class ProxyType<TInterface>
{
    public static readonly ProxyType Instance = ProxyType.For(typeof(TInterface));
}
