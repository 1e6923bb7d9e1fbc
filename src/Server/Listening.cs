using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Realtime.Connections;

namespace Realtime.Server;

/// <summary>Where a role listens unless the configuration says otherwise.</summary>
internal static class Listening
{
    private static readonly string[] s_settings = ["urls", "http_ports", "https_ports"];

    /// <summary>Where the process listens, if <c>Kestrel:Endpoints</c> does not say it.</summary>
    public static string[] Addresses(WebApplicationBuilder builder)
    {
        var urls = Split(builder.WebHost.GetSetting(WebHostDefaults.ServerUrlsKey));
        if (urls.Length > 0)
            return urls;
        return [.. Split(builder.Configuration["http_ports"]).Select(port => $"http://*:{port}"), .. Split(builder.Configuration["https_ports"]).Select(port => $"https://*:{port}")];

        static string[] Split(string? list) => (list ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    public static void ListenAt(this WebApplicationBuilder builder, string address)
    {
        if (s_settings.All(setting => string.IsNullOrEmpty(builder.Configuration[setting])) && !builder.Configuration.GetSection("Kestrel:Endpoints").Exists())
            builder.WebHost.UseUrls(address);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        // Whoever sends a request byte by byte has no longer than for the rest of the handshake.
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<ConnectionOptions>>(
            static (kestrel, connections) => kestrel.Limits.RequestHeadersTimeout = connections.Value.HandshakeTimeout);
    }
}
