using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Realtime.WebFront.Calls;

/// <summary>
/// A method that clients may call. It is an endpoint without a route: ASP.NET Core binds its parameters, runs its filters and writes its
/// result, as for a request whose body is the call's data.
/// </summary>
internal sealed class CallMethod(string name, Delegate handler) : IEndpointConventionBuilder
{
    private readonly List<Action<EndpointBuilder>> _conventions = [], _finally = [];
    private readonly Lock _gate = new();
    private volatile Endpoint? _endpoint;
    private Task<AuthorizationPolicy?>? _policy;

    public string Name => name;

    public void Add(Action<EndpointBuilder> convention) => Add(_conventions, convention);

    public void Finally(Action<EndpointBuilder> finallyConvention) => Add(_finally, finallyConvention);

    public Endpoint Build(IServiceProvider services)
    {
        if (_endpoint is { } built)
            return built;
        lock (_gate)
            return _endpoint ??= BuildLocked(services);
    }

    /// <summary>What the caller must fulfil; null for nothing.</summary>
    public Task<AuthorizationPolicy?> Policy(IServiceProvider services, IAuthorizationPolicyProvider policies) =>
        _policy is { IsCompletedSuccessfully: true } known && policies.AllowsCachingPolicies
            ? known
            : _policy = Combine(Build(services).Metadata, policies);

    // As ASP.NET Core's authorization middleware does it.
    private static async Task<AuthorizationPolicy?> Combine(EndpointMetadataCollection metadata, IAuthorizationPolicyProvider policies)
    {
        if (metadata.GetMetadata<IAllowAnonymous>() is not null)
            return null;
        var policy = await AuthorizationPolicy.CombineAsync(policies, metadata.GetOrderedMetadata<IAuthorizeData>(), metadata.GetOrderedMetadata<AuthorizationPolicy>());
        var requirements = metadata.GetOrderedMetadata<IAuthorizationRequirementData>();
        if (requirements.Count == 0)
            return policy;
        var own = new AuthorizationPolicyBuilder();
        own.AddRequirements([.. requirements.SelectMany(data => data.GetRequirements())]);
        return policy is null ? own.Build() : AuthorizationPolicy.Combine(policy, own.Build());
    }

    private Endpoint BuildLocked(IServiceProvider services)
    {
        var builder = new RouteEndpointBuilder(null, RoutePatternFactory.Parse("/"), 0) { DisplayName = $"call {name}", ApplicationServices = services };
        var options = new RequestDelegateFactoryOptions { ServiceProvider = services, EndpointBuilder = builder, ThrowOnBadRequest = true };
        foreach (var attribute in handler.Method.GetCustomAttributes(inherit: false))
            builder.Metadata.Add(attribute);
        var inferred = RequestDelegateFactory.InferMetadata(handler.Method, options);
        foreach (var convention in _conventions)
            convention(builder);
        builder.RequestDelegate = RequestDelegateFactory.Create(handler, options, inferred).RequestDelegate;
        foreach (var convention in _finally)
            convention(builder);
        return builder.Build();
    }

    private void Add(List<Action<EndpointBuilder>> conventions, Action<EndpointBuilder> convention)
    {
        lock (_gate)
        {
            if (_endpoint is not null)
                throw new InvalidOperationException($"The method '{name}' is in use already: what is required of it is said where it is mapped, before the start.");
            conventions.Add(convention);
        }
    }
}
