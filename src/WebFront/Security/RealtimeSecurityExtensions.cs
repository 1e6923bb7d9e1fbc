using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Realtime.Grains;
using Realtime.Settings;
using Realtime.WebFront.Operation;
using Realtime.WebFront.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>Adds authentication and authorization to a front.</summary>
public static class RealtimeSecurityExtensions
{
    /// <summary>
    /// Adds the schemes of <see cref="RealtimeSchemes"/> and the policies of <see cref="RealtimePolicies"/>, which ask for them by name:
    /// the host's default scheme, and with it its other endpoints, stay as they are. All of it gives way to the user's own, before or
    /// after this call: with <c>AddAuthentication("Mine")</c> the policies ask the default scheme instead, a scheme added under one of
    /// our names takes the place of ours, <c>AddPolicy</c> that of a policy.
    /// </summary>
    /// <remarks>
    /// Request logs of ASP.NET Core below Warning are switched off (<c>Microsoft.AspNetCore.Hosting.Diagnostics</c>, and
    /// <c>Microsoft.AspNetCore.Server.Kestrel.BadRequests</c>), whatever the levels say, because they would write tokens into the log. For
    /// logs that know no such filter, <c>access_token</c> is taken out of the address of a request to <c>/ws</c> before anything sees it:
    /// <c>Request.Query</c> has it, <c>Request.QueryString</c> does not.
    /// </remarks>
    /// <param name="services">The services of the front.</param>
    /// <param name="configuration">The root; <see cref="BearerOptions.Section"/> is read from it.</param>
    /// <param name="environment">Decides whether <see cref="RealtimeSchemes.Development"/> exists.</param>
    /// <exception cref="OptionsValidationException">Not here but at the start of the host: see <see cref="BearerOptions"/>.</exception>
    public static IServiceCollection AddRealtimeSecurity(
        this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment)
    {
        AddBearer(services, configuration, environment);
        AddSchemes(services, environment.IsDevelopment());
        services.AddSettings<DevelopmentOptions>(DevelopmentOptions.Settings(environment));
        AddPolicies(services, environment);
        services.AddTokenSecrecy();
        return services;
    }

    private static void AddBearer(IServiceCollection services, IConfiguration configuration, IHostEnvironment environment)
    {
        services.AddOptions<BearerOptions>().Configure(options =>
        {
            SettingsExtensions.Bind(configuration, BearerOptions.Settings(environment), options);
            options.MaxTokenLifetime = BearerOptions.ReadMaxTokenLifetime(configuration, options.MaxTokenLifetime);
        });
        services.AddSingleton<IValidateOptions<BearerOptions>>(new BearerOptionsValidator(environment));
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<Revocations>();
        services.TryAddSingleton<RecentErrors>();
        services.TryAddSingleton<SecurityEvents>();
        services.TryAddSingleton(provider => new SigningKeys(
            provider.GetRequiredService<IOptions<BearerOptions>>(), environment,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<SigningKeys>>()));
        services.AddSingleton<IPostConfigureOptions<JwtBearerOptions>>(provider => new BearerSetup(
            provider.GetRequiredService<IOptions<AuthenticationOptions>>(), provider.GetRequiredService<IOptions<BearerOptions>>(),
            () => new StrictTokenHandler(
                provider.GetRequiredService<SigningKeys>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<IOptions<BearerOptions>>().Value.MaxTokenLifetime),
            () => new BearerEvents(environment, provider.GetRequiredService<Revocations>())));
        services.AddHostedService<BearerStart>();
    }

    private static void AddSchemes(IServiceCollection services, bool isDevelopment)
    {
        // Not AddAuthentication(): that brings data protection along, which writes keys to the disk at each first start and
        // is for cookies. A user's own AddAuthentication adds what it needs.
        services.AddAuthenticationCore();
        services.AddWebEncoders();
        services.TryAddTransient<BearerHandler>();
        services.TryAddTransient<DevelopmentHandler>();
        services.TryAddTransient<PolicySchemeHandler>();
        services.Configure<PolicySchemeOptions>(RealtimeSchemes.Realtime, options => options.ForwardDefaultSelector = context =>
            isDevelopment && DevelopmentHandler.IsMeant(context.Request) ? RealtimeSchemes.Development : RealtimeSchemes.Bearer);

        services.AddSingleton(new RealtimeAuthentication());
        services.AddSingleton<IPostConfigureOptions<AuthenticationOptions>>(provider => provider.GetRequiredService<RealtimeAuthentication>()
            .Completing(options =>
            {
                AddScheme<PolicySchemeHandler>(options, RealtimeSchemes.Realtime);
                AddScheme<BearerHandler>(options, RealtimeSchemes.Bearer);
                if (isDevelopment)
                    AddScheme<DevelopmentHandler>(options, RealtimeSchemes.Development);
            }));
    }

    private static void AddScheme<THandler>(AuthenticationOptions options, string name) where THandler : IAuthenticationHandler
    {
        if (!options.SchemeMap.ContainsKey(name))
            options.AddScheme<THandler>(name, displayName: null);
    }

    private static void AddPolicies(IServiceCollection services, IHostEnvironment environment)
    {
        services.AddSingleton<IAuthorizationHandler>(provider => new ApiAccessHandler(environment, provider.GetRequiredService<RealtimeAuthentication>()));
        services.AddAuthorization();
        // A policy of an application that is passed over in silence might leave open what it was to guard.
        services.AddOptions<AuthorizationOptions>().ValidateOnStart().Validate(options => options.GetPolicy(RealtimePolicies.Former) is null,
            $"The authorization policy {RealtimePolicies.Former} is asked by nothing any more; define {RealtimePolicies.Publish}, {RealtimePolicies.Read} and {RealtimePolicies.Admin} in its place.");
        // After everybody's Configure: a policy of the same name is the user's. One that names no scheme asks as ours do.
        services.AddOptions<AuthorizationOptions>().PostConfigure<RealtimeAuthentication, IOptions<AuthenticationOptions>>((options, ours, schemes) =>
        {
            var scheme = ours.SchemeIn(schemes.Value);
            Add(RealtimePolicies.Client, policy => policy
                .RequireAuthenticatedUser()
                .RequireAssertion(context => Names.Problem(context.User.Identity?.Name, "user") is null));
            foreach (var name in RealtimePolicies.All)
            {
                if (RealtimePolicies.ScopeOf(name) is { } needed)
                    Add(name, policy => policy.AddRequirements(new ApiAccess(needed)));
            }

            void Add(string name, Action<AuthorizationPolicyBuilder> define)
            {
                var policy = new AuthorizationPolicyBuilder();
                if (options.GetPolicy(name) is { } own)
                    policy.Combine(own);
                else
                    define(policy);
                if (scheme is not null && policy.AuthenticationSchemes.Count == 0)
                    policy.AddAuthenticationSchemes(scheme);
                options.AddPolicy(name, policy.Build());
            }
        });
    }
}
