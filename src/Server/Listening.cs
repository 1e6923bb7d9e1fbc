namespace Realtime.Server;

/// <summary>Where a role listens unless the configuration says otherwise.</summary>
internal static class Listening
{
    private static readonly string[] s_settings = ["urls", "http_ports", "https_ports"];

    public static void ListenAt(this WebApplicationBuilder builder, string address)
    {
        if (s_settings.All(setting => string.IsNullOrEmpty(builder.Configuration[setting])) && !builder.Configuration.GetSection("Kestrel:Endpoints").Exists())
            builder.WebHost.UseUrls(address);
    }
}
