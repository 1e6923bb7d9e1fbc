using Microsoft.Extensions.Options;
using Realtime.Settings;

namespace Realtime.WebFront.Security;

/// <summary>Checks <see cref="BearerOptions"/>; each failure names the setting, its value unless secret, and what is allowed.</summary>
internal sealed class BearerOptionsValidator(IHostEnvironment environment) : IValidateOptions<BearerOptions>
{
    private const string Section = BearerOptions.Section;

    public ValidateOptionsResult Validate(string? name, BearerOptions options)
    {
        var failures = new List<string>(SettingsCheck.Problems(Section, options));
        if (!options.HasKeys && !environment.IsDevelopment())
        {
            failures.Add(
                $"{Section} has no keys, neither SigningKeys nor PublicKeys, JwksFile, JwksUrl, Authority or MetadataAddress: no client could "
                + $"prove who it is. In the environment '{environment.EnvironmentName}' give at least one, or make another authentication scheme the default.");
        }
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
