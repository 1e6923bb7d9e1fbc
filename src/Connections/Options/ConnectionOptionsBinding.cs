using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Realtime.Connections;

/// <summary>Reads the options from configuration, where there is one, before anything that is set in code.</summary>
internal sealed class ConnectionOptionsBinding(IServiceProvider services) : IConfigureOptions<ConnectionOptions>
{
    public void Configure(ConnectionOptions options) => services.GetService<IConfiguration>()?.GetSection(ConnectionOptions.Section).Bind(options);
}
