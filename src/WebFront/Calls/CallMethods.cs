using System.Collections.Concurrent;
using Microsoft.AspNetCore.Authorization;

namespace Realtime.WebFront.Calls;

/// <summary>The methods that clients may call, by name.</summary>
internal sealed class CallMethods(IServiceProvider services)
{
    private readonly ConcurrentDictionary<string, CallMethod> _methods = new(StringComparer.Ordinal);
    private bool _isStarted;

    public void Add(CallMethod method)
    {
        if (!_methods.TryAdd(method.Name, method))
            throw new ArgumentException($"The method '{method.Name}' is mapped already.", nameof(method));
    }

    public CallMethod? Find(string name) => _methods.GetValueOrDefault(name);

    /// <summary>Makes what has been mapped ready, so that what is wrong with it stops the start and not the first call.</summary>
    /// <exception cref="InvalidOperationException">Parameters that cannot be bound, or an authorization policy that does not exist.</exception>
    public async Task Start()
    {
        if (_isStarted)
            return;
        foreach (var method in _methods.Values)
        {
            method.Build(services);
            if (services.GetService<IAuthorizationPolicyProvider>() is { } policies)
                await method.Policy(services, policies);
        }
        _isStarted = true;
    }
}
