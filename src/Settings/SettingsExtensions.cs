using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Realtime.Settings;

/// <summary>Binds sections to options, checked.</summary>
internal static class SettingsExtensions
{
    /// <summary>
    /// Options from a section of the configuration, where there is one, before anything that is set in code; all of it is checked when
    /// the host starts.
    /// </summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="section">Its path, and what else than <typeparamref name="T"/> is read from it.</param>
    /// <param name="name">Of named options.</param>
    public static OptionsBuilder<T> AddSettings<T>(this IServiceCollection services, SettingsSection section, string? name = null)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        name ??= Options.DefaultName;
        if (!services.Any(service => service.ImplementationInstance is SettingsValidator<T> added && added.IsFor(name)))
        {
            services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<T>>(provider => new ConfigureNamedOptions<T>(name, options =>
            {
                if (provider.GetService<IConfiguration>() is { } configuration)
                    Bind(configuration, section, options);
            })));
            services.AddSingleton<IValidateOptions<T>>(new SettingsValidator<T>(name, section));
        }
        return services.AddOptions<T>(name).ValidateOnStart();
    }

    /// <summary>The settings of a section, for who needs them before there are services.</summary>
    /// <exception cref="OptionsValidationException">Something is wrong with them.</exception>
    public static T ReadSettings<T>(this IConfiguration configuration, SettingsSection section)
        where T : class, new()
    {
        ArgumentNullException.ThrowIfNull(section);
        var settings = new T();
        Bind(configuration, section, settings);
        Refuse<T>(section.Path, [.. SettingsCheck.Problems(section, settings)]);
        return settings;
    }

    /// <summary>Sets what the configuration says. The whole is checked later, as code may set the rest.</summary>
    /// <exception cref="OptionsValidationException">It says something that cannot be.</exception>
    public static void Bind<T>(IConfiguration configuration, SettingsSection section, T settings)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(section);
        Refuse<T>(section.Path, SettingsCheck.Bind(configuration, section, settings));
    }

    private static void Refuse<T>(string section, IReadOnlyList<string> problems)
    {
        if (problems.Count > 0)
            throw new OptionsValidationException(section, typeof(T), problems);
    }

    private sealed class SettingsValidator<T>(string name, SettingsSection section) : IValidateOptions<T>
        where T : class
    {
        public bool IsFor(string? other) => other == name;

        public ValidateOptionsResult Validate(string? other, T options)
        {
            if (!IsFor(other))
                return ValidateOptionsResult.Skip;
            string[] problems = [.. SettingsCheck.Problems(section, options)];
            return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
        }
    }
}
