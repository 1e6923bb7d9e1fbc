using Microsoft.Extensions.Options;
using Realtime.Settings;

namespace Realtime.WebFront.Security;

/// <summary>Checks <see cref="BearerOptions"/>; each failure names the setting, its value unless secret, and what is allowed.</summary>
internal sealed class BearerOptionsValidator(IHostEnvironment environment) : IValidateOptions<BearerOptions>
{
    public ValidateOptionsResult Validate(string? name, BearerOptions options) =>
        SettingsCheck.Problems(BearerOptions.Settings(environment), options) is { Count: > 0 } problems ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
}
