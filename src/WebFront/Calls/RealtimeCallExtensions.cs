using System.Reflection;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Extensions.Primitives;
using Realtime.Grains;

namespace Realtime.WebFront.Calls;

/// <summary>Maps the methods that clients may call.</summary>
public static class RealtimeCallExtensions
{
    /// <summary>
    /// Maps a method, as minimal APIs map a request: what it returns is the client's <c>result</c>. A parameter of a type of your own, or one
    /// with <c>[FromBody]</c>, is the call's <c>data</c>; others are services, <see cref="System.Security.Claims.ClaimsPrincipal"/>,
    /// <see cref="RealtimeCall"/> and <see cref="CancellationToken"/>, which fires when the connection closes or
    /// <see cref="CallOptions.Timeout"/> is over. Each call has a scope of services of its own, and runs beside the others.
    /// </summary>
    /// <param name="endpoints">The application. A call has no path, so it is in no group.</param>
    /// <param name="method">A name by the rule of <see cref="Names"/>: <c>orders.get</c>.</param>
    /// <param name="handler">
    /// The function. To refuse it throws a <see cref="CallException"/>, or returns a problem (<c>Results.Problem</c>) whose <c>code</c> and
    /// detail are told. Whatever else it throws is logged, and told as <c>call_failed</c>.
    /// </param>
    /// <returns>For conventions: <c>RequireAuthorization</c>, <c>AddEndpointFilter</c>. Without any, everybody who is connected may call it.</returns>
    /// <exception cref="ArgumentException">The name is not allowed or is mapped already, or a parameter could come from an address only.</exception>
    public static RouteHandlerBuilder MapRealtimeCall(this IEndpointRouteBuilder endpoints, string method, Delegate handler)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(handler);
        if (endpoints is RouteGroupBuilder)
            throw new ArgumentException("A call has no path, so what a group requires would not hold for it; map it at the application, and require it there.", nameof(endpoints));
        if (Names.Problem(method, "method") is { } problem)
            throw new ArgumentException(problem, nameof(method));
        if (handler.Method.GetParameters().FirstOrDefault(IsOfAddress) is { } parameter)
            throw new ArgumentException($"The parameter '{parameter.Name}' of the method '{method}' would be read from an address, and a call has none: mark it with [FromBody], or take it as a property of a type.", nameof(handler));
        var mapped = new CallMethod(method, handler);
        endpoints.ServiceProvider.GetRequiredService<CallMethods>().Add(mapped);
        return new RouteHandlerBuilder([mapped]);
    }

    /// <summary>What minimal APIs take from the route, the query, headers or a form.</summary>
    private static bool IsOfAddress(ParameterInfo parameter)
    {
        var attributes = parameter.GetCustomAttributes(inherit: true);
        if (attributes.Any(attribute => attribute is IFromRouteMetadata or IFromQueryMetadata or IFromHeaderMetadata or IFromFormMetadata))
            return true;
        if (attributes.Any(attribute => attribute is IFromBodyMetadata or IFromServiceMetadata or FromKeyedServicesAttribute or AsParametersAttribute))
            return false;
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        return type == typeof(string) || type == typeof(StringValues) || type.IsPrimitive || type.IsEnum
            || type.GetMethods(BindingFlags.Public | BindingFlags.Static).Any(method => method.Name == "TryParse" && method.GetParameters() is { Length: 2 or 3 } parsed && parsed[0].ParameterType == typeof(string));
    }
}
