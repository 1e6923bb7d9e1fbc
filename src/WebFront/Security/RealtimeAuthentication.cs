using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Realtime.WebFront.Security;

/// <summary>Which scheme the front's policies ask: the host's default when it has named one, otherwise <see cref="RealtimeSchemes.Realtime"/>.</summary>
internal sealed class RealtimeAuthentication
{
    private bool _hostHasDefault;

    /// <summary>The scheme by name; null for the host's default.</summary>
    /// <param name="options">The complete options: that they have been made is what this depends on.</param>
    public string? SchemeIn(AuthenticationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return _hostHasDefault ? null : RealtimeSchemes.Realtime;
    }

    /// <summary>Whether clients are asked for by our scheme of tokens.</summary>
    public bool IsBearer(AuthenticationOptions options) =>
        (SchemeIn(options) ?? options.DefaultAuthenticateScheme ?? options.DefaultScheme) is RealtimeSchemes.Realtime or RealtimeSchemes.Bearer
        && BearerSetup.IsOurs(options);

    /// <summary>Adds schemes after everybody's Configure, so that one of the same name stays the user's instead of failing as a duplicate.</summary>
    public IPostConfigureOptions<AuthenticationOptions> Completing(Action<AuthenticationOptions> add) =>
        new PostConfigureOptions<AuthenticationOptions>(Options.DefaultName, options =>
        {
            _hostHasDefault = (options.DefaultAuthenticateScheme ?? options.DefaultScheme) is not null;
            // ASP.NET Core makes an only scheme the default. With ours beside it, it has to be named.
            if (!_hostHasDefault && options.Schemes.Take(2).ToArray() is [{ Name: var only }])
                options.DefaultScheme = only;
            add(options);
        });
}
