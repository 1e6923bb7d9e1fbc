using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Realtime.Settings;

/// <summary>Settings of the framework that are often set, and that it refuses with a stack trace.</summary>
internal static class HostSettings
{
    public static IEnumerable<string> Problems(IConfiguration configuration)
    {
        foreach (var url in (configuration["Urls"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!IsAddress(url))
                yield return $"Urls is '{SettingValue.Shown(url)}'; it must be addresses as http://127.0.0.1:5080, with ports from 0 to 65535 and ';' between them.";
        }
        foreach (var endpoint in configuration.GetSection("Kestrel:Endpoints").GetChildren())
        {
            if (endpoint["Url"] is { } url && !IsAddress(url))
                yield return $"{endpoint.Path}:Url is '{SettingValue.Shown(url)}'; it must be an address as http://127.0.0.1:5080, with a port from 0 to 65535.";
        }
        // For all logs, and for a single one, as Logging:Console:LogLevel.
        foreach (var level in configuration.GetSection("Logging").GetChildren().Append(configuration.GetSection("Logging"))
            .SelectMany(section => section.GetSection("LogLevel").GetChildren()))
        {
            if (level.Value is { Length: > 0 } text && !Enum.GetNames<LogLevel>().Contains(text, StringComparer.OrdinalIgnoreCase))
                yield return $"{level.Path} is '{SettingValue.Shown(text)}'; it must be {string.Join(", ", Enum.GetNames<LogLevel>()[..^1])} or None.";
        }
        foreach (var name in new[] { "Kestrel:Limits:MaxConcurrentConnections", "Kestrel:Limits:MaxConcurrentUpgradedConnections", "shutdownTimeoutSeconds" })
        {
            if (configuration[name] is { Length: > 0 } text && !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                yield return $"{name} is '{SettingValue.Shown(text)}'; it must be a whole number.";
        }
    }

    private static bool IsAddress(string url)
    {
        try
        {
            return BindingAddress.Parse(url) is { Scheme: "http" or "https", Port: >= 0 and <= 65535 };
        }
        catch (FormatException) // of "" too
        {
            return false;
        }
    }
}
