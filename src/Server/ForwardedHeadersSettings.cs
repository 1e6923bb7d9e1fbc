using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using Realtime.Settings;
using IPNetwork = System.Net.IPNetwork;

namespace Realtime.Server;

/// <summary>
/// Whose word is taken for who a client is; configuration section <c>ForwardedHeaders</c>. Only what a known proxy says in
/// <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> is believed.
/// </summary>
public sealed class ForwardedHeadersSettings : ISettings
{
    /// <summary>Addresses of proxies (<c>10.0.0.7</c>), and networks that they are in (<c>10.0.0.0/8</c>). None by default: no header is believed.</summary>
    public IList<string> KnownProxies { get; set; } = [];

    internal static readonly SettingsSection Settings = new("ForwardedHeaders", typeof(ForwardedHeadersSettings));

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        foreach (var (index, proxy) in KnownProxies.Index())
            if (!IPAddress.TryParse(proxy, out _) && !IPNetwork.TryParse(proxy, out _))
                yield return new($"{nameof(KnownProxies)}:{index}", $"is '{proxy}'; it must be an IP address, or a network such as 10.0.0.0/8.");
    }

    /// <summary>Reads the headers before anything else looks at the request: its address and scheme are the client's from then on.</summary>
    public static void Use(IServiceCollection services, IConfiguration configuration)
    {
        var settings = configuration.ReadSettings<ForwardedHeadersSettings>(Settings);
        if (settings.KnownProxies.Count > 0)
            services.AddSingleton<IStartupFilter>(new Filter(settings.Options()));
    }

    private ForwardedHeadersOptions Options()
    {
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = null, // as far back as the proxies are known
        };
        options.KnownProxies.Clear(); // loopback is there by default
        options.KnownIPNetworks.Clear();
        foreach (var proxy in KnownProxies)
        {
            if (IPAddress.TryParse(proxy, out var address))
                options.KnownProxies.Add(address);
            else
                options.KnownIPNetworks.Add(IPNetwork.Parse(proxy));
        }
        return options;
    }

    // The application's own middleware comes after routing and authorization, which is too late.
    private sealed class Filter(ForwardedHeadersOptions options) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.UseForwardedHeaders(options);
            next(app);
        };
    }
}
