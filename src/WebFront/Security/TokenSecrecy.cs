using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Realtime.WebFront.Security;

/// <summary>Keeps tokens out of logs, whatever their levels are set to.</summary>
internal static class TokenSecrecy
{
    // What the server writes of requests: their whole address at Information, and at Debug the line or header of one that it cannot read.
    private static readonly string[] s_requestLogs =
        ["Microsoft.AspNetCore.Hosting.Diagnostics", "Microsoft.AspNetCore.Server.Kestrel.BadRequests"];

    public static void AddTokenSecrecy(this IServiceCollection services)
    {
        // Last, and for each provider that has rules of its own, since such a rule counts before one for all.
        services.PostConfigure<LoggerFilterOptions>(options =>
        {
            foreach (var provider in options.Rules.Select(rule => rule.ProviderName).Append(null).Distinct().ToArray())
            {
                foreach (var category in s_requestLogs)
                    options.Rules.Add(new LoggerFilterRule(provider, category, LogLevel.Warning, filter: null));
            }
        });
        // For logs that do not ask those filters. A factory of the application's own stays.
        if (services.All(service => service.ServiceType != typeof(IHttpContextFactory) || service.ImplementationType == typeof(DefaultHttpContextFactory)))
            services.Replace(ServiceDescriptor.Singleton<IHttpContextFactory, TokenHidingContextFactory>());
    }
}
