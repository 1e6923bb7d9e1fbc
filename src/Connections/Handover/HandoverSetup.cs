using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace Realtime.Connections;

/// <summary>
/// Puts the hand-over in front of Kestrel's endpoints. Kestrel has one action for all of them, which an application may set too, before
/// or after: ours is there first, for endpoints that the application lists in code, and wraps whatever is there last.
/// </summary>
internal sealed class HandoverSetup : IConfigureOptions<KestrelServerOptions>, IPostConfigureOptions<KestrelServerOptions>
{
    private static readonly Action<ListenOptions> Hook = options => options.UseConnectionHandover();

    public void Configure(KestrelServerOptions options) => options.ConfigureEndpointDefaults(Hook);

    public void PostConfigure(string? name, KestrelServerOptions options)
    {
        Action<ListenOptions> defaults;
        try
        {
            defaults = EndpointDefaults(options);
        }
        catch (MissingMethodException)
        {
            return; // another version of Kestrel: connections that are not hooked take the portable path
        }
        if (defaults == Hook)
            return;
        options.ConfigureEndpointDefaults(listen =>
        {
            Hook(listen);
            defaults(listen);
        });
    }

    // Can be set in public but not read.
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_EndpointDefaults")]
    private static extern Action<ListenOptions> EndpointDefaults(KestrelServerOptions options);
}

/// <summary>The hand-over for endpoints with settings of their own.</summary>
public static class ConnectionHandover
{
    /// <summary>
    /// Lets WebSockets on this endpoint leave HTTP after the upgrade, where they are plain TCP. AddRealtimeConnections does this for all
    /// endpoints; it is needed only for one that is listed in code after ConfigureEndpointDefaults was called there. Twice does no harm.
    /// </summary>
    public static ListenOptions UseConnectionHandover(this ListenOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Use(next => context => Handover.ServeAsync(context, next));
        return options;
    }
}
