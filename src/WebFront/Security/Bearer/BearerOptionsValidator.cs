using Microsoft.Extensions.Options;
using Realtime.Settings;

namespace Realtime.WebFront.Security;

/// <summary>Checks <see cref="BearerOptions"/>; each failure names the setting, its value unless secret, and what is allowed.</summary>
internal sealed class BearerOptionsValidator(IHostEnvironment environment) : IValidateOptions<BearerOptions>
{
    private const string Section = BearerOptions.Section;

    public ValidateOptionsResult Validate(string? name, BearerOptions options)
    {
        var failures = new List<string>([.. ConfiguredKeys.Read(options.Keys).Errors, .. SettingsCheck.Problems(Section, options)]);
        if (options.Keys.Count > 0 || !string.IsNullOrWhiteSpace(options.JwksFile))
        {
            CheckRequired(nameof(options.Issuer), options.Issuer, "the exact 'iss' of the tokens", failures);
            CheckRequired(nameof(options.Audience), options.Audience, "a value that the tokens have in 'aud'", failures);
        }
        else if (!environment.IsDevelopment())
        {
            failures.Add(
                $"{Section}:Keys is empty and {Section}:JwksFile is not set: no client could prove who it is. In the environment "
                + $"'{environment.EnvironmentName}' give at least one key, or make another authentication scheme the default.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static void CheckRequired(string setting, string? value, string meaning, List<string> failures)
    {
        if (string.IsNullOrWhiteSpace(value))
            failures.Add($"{Section}:{setting} is '{value}'; with keys it must be set to {meaning}.");
    }
}
