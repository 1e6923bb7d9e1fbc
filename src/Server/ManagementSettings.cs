using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing.Matching;
using Microsoft.Extensions.Options;
using Realtime.Settings;
using Realtime.WebFront.Http;

namespace Realtime.Server;

/// <summary>
/// Where the process answers those who run it; configuration section <c>Management</c>. When it is set, metrics, health, the description
/// of the API and the pages are there, and at the addresses of clients they do not exist.
/// </summary>
public sealed class ManagementSettings : ISettings
{
    /// <summary>Addresses as in <c>urls</c>, of ports that are for this only: <c>http://127.0.0.1:5081</c>. None by default.</summary>
    public string? Urls { get; set; }

    internal static readonly SettingsSection Settings = new("Management", typeof(ManagementSettings));

    /// <summary>Whether there are such addresses.</summary>
    public static bool IsSet(IConfiguration configuration) => configuration.ReadSettings<ManagementSettings>(Settings).Addresses.Length > 0;

    private string[] Addresses => (Urls ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        foreach (var address in Addresses)
            if (PortOf(address) is null or 0)
                yield return new(nameof(Urls), $"has '{address}'; it must be http or https, a host and a port: http://127.0.0.1:5081.");
    }

    /// <summary>Listens there as well, after it is known where the process listens otherwise.</summary>
    /// <exception cref="OptionsValidationException">A port is one of clients, too.</exception>
    public static void Use(WebApplicationBuilder builder)
    {
        var settings = builder.Configuration.ReadSettings<ManagementSettings>(Settings);
        if (settings.Addresses.Length == 0)
            return;
        var endpoints = builder.Configuration.GetSection("Kestrel:Endpoints");
        string[] clients = endpoints.Exists()
            ? [.. endpoints.GetChildren().Select(endpoint => endpoint["Url"]).OfType<string>()]
            : Listening.Addresses(builder);
        foreach (var address in settings.Addresses)
            if (Array.Find(clients, client => PortOf(client) == PortOf(address)) is { } same)
                throw new OptionsValidationException(Settings.Path, typeof(ManagementSettings), [$"Management:Urls has '{address}', whose port is that of '{same}', where clients are served; it must be another."]);
        if (endpoints.Exists())
        {
            foreach (var (index, address) in settings.Addresses.Index())
                builder.Configuration[$"Kestrel:Endpoints:Management{index}:Url"] = address;
        }
        else
            builder.WebHost.UseUrls([.. clients, .. settings.Addresses]);
        builder.Services.AddSingleton<MatcherPolicy>(new Policy([.. settings.Addresses.Select(address => PortOf(address)!.Value)]));
    }

    private static int? PortOf(string address)
    {
        try
        {
            var parsed = BindingAddress.Parse(address);
            return parsed.Scheme is "http" or "https" && !parsed.IsUnixPipe && parsed.PathBase.Length == 0 ? parsed.Port : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>Leaves the endpoints that are for management out where the connection came to another port: what the request says about that does not count.</summary>
    private sealed class Policy(int[] ports) : MatcherPolicy, IEndpointSelectorPolicy
    {
        public override int Order => -100; // as the policy of hosts, which it is akin to

        public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => endpoints.Any(IsForManagement);

        public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
        {
            if (ports.Contains(httpContext.Connection.LocalPort))
                return Task.CompletedTask;
            for (var i = 0; i < candidates.Count; i++)
                if (candidates.IsValidCandidate(i) && IsForManagement(candidates[i].Endpoint))
                    candidates.SetValidity(i, false);
            return Task.CompletedTask;
        }

        private static bool IsForManagement(Endpoint endpoint) => endpoint.Metadata.GetMetadata<ForManagement>() is not null;
    }
}
