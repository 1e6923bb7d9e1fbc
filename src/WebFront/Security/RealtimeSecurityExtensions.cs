using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Realtime.Grains;
using Realtime.WebFront.Security.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>Adds authentication and authorization to a front.</summary>
public static class RealtimeSecurityExtensions
{
    // Logs every request with its whole address, at Information: that has the tokens of ?access_token= in it.
    private const string RequestLog = "Microsoft.AspNetCore.Hosting.Diagnostics";

    /// <summary>
    /// Adds the schemes of <see cref="RealtimeSchemes"/> and the policies of <see cref="RealtimePolicies"/>. All of it gives
    /// way to the user's own, before or after this call: <c>AddAuthentication("Mine")</c> takes the place of the default scheme, a
    /// scheme added under one of our names that of ours, <c>AddPolicy</c> that of a policy.
    /// </summary>
    /// <remarks>
    /// Request logs of ASP.NET Core below Warning are switched off (<c>Microsoft.AspNetCore.Hosting.Diagnostics</c>),
    /// because they would write tokens into the log. A log level given for a single logging provider overrules that.
    /// </remarks>
    /// <param name="services">The services of the front.</param>
    /// <param name="configuration">The root; <see cref="BearerOptions.Section"/> is read from it.</param>
    /// <param name="environment">Decides whether <see cref="RealtimeSchemes.Development"/> exists.</param>
    /// <exception cref="OptionsValidationException">Not here but at the start of the host: see <see cref="BearerOptions"/>.</exception>
    public static IServiceCollection AddRealtimeSecurity(
        this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment)
    {
        AddBearer(services, configuration.GetSection(BearerOptions.Section), environment);
        AddSchemes(services, environment.IsDevelopment());
        AddPolicies(services, environment);
        services.Configure<LoggerFilterOptions>(o => o.AddFilter(RequestLog, LogLevel.Warning));
        return services;
    }

    private static void AddBearer(IServiceCollection services, IConfigurationSection section, IHostEnvironment environment)
    {
        services.AddOptions<BearerOptions>().Configure(options => Bind(section, options));
        services.AddSingleton<IValidateOptions<BearerOptions>>(new BearerOptionsValidator(environment));
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new SigningKeys(
            provider.GetRequiredService<IOptions<BearerOptions>>(), environment,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<SigningKeys>>()));
        services.AddSingleton(provider =>
        {
            var options = provider.GetRequiredService<IOptions<BearerOptions>>().Value;
            return new TokenValidator(
                new TokenRules(options.Issuer, options.Audience, options.ClockSkew), provider.GetRequiredService<TimeProvider>());
        });
        services.AddHostedService<BearerStart>();
    }

    private static void Bind(IConfigurationSection section, BearerOptions options)
    {
        try
        {
            // A misspelt setting must not be silently without effect.
            section.Bind(options, binder => binder.ErrorOnUnknownConfiguration = true);
        }
        catch (InvalidOperationException e)
        {
            // Inside a list the binder wraps the message that has the name.
            var reason = e.InnerException is InvalidOperationException inner ? inner.Message : e.Message;
            throw new OptionsValidationException(Options.DefaultName, typeof(BearerOptions),
                [$"{section.Path} cannot be read: {reason} Known are Issuer, Audience, ClockSkew (00:00:00 to 00:05:00), JwksFile and "
                + "Keys, each with KeyId, Algorithm and Secret or PublicKey."]);
        }
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

        // After everybody's Configure, so that a scheme of the same name stays the user's instead of failing as a duplicate.
        services.PostConfigure<AuthenticationOptions>(options =>
        {
            options.DefaultScheme ??= RealtimeSchemes.Realtime;
            AddScheme<PolicySchemeHandler>(options, RealtimeSchemes.Realtime);
            AddScheme<BearerHandler>(options, RealtimeSchemes.Bearer);
            if (isDevelopment)
                AddScheme<DevelopmentHandler>(options, RealtimeSchemes.Development);
        });
    }

    private static void AddScheme<THandler>(AuthenticationOptions options, string name) where THandler : IAuthenticationHandler
    {
        if (!options.SchemeMap.ContainsKey(name))
            options.AddScheme<THandler>(name, displayName: null);
    }

    private static void AddPolicies(IServiceCollection services, IHostEnvironment environment)
    {
        services.AddSingleton<IAuthorizationHandler>(new ApiAccessHandler(environment));
        // Added before a user's own policies of the same names, these give way to them; added after, they must not win.
        services.AddAuthorization(options =>
        {
            if (options.GetPolicy(RealtimePolicies.Client) is null)
                options.AddPolicy(RealtimePolicies.Client, policy => policy
                    .RequireAuthenticatedUser()
                    .RequireAssertion(context => Names.Problem(context.User.Identity?.Name, "user") is null));
            if (options.GetPolicy(RealtimePolicies.Api) is null)
                options.AddPolicy(RealtimePolicies.Api, policy => policy.AddRequirements(new ApiAccess()));
        });
    }
}
