using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Realtime.WebFront.Security;

/// <summary>
/// Checks the settings and loads the keys before anything else of the host starts, unless a user's own scheme has become
/// the default: that is why this is not <c>ValidateOnStart</c>, which knows no condition.
/// </summary>
internal sealed class BearerStart(
    IOptions<AuthenticationOptions> schemes, RealtimeAuthentication authentication, IServiceProvider services) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        if (authentication.IsBearer(schemes.Value))
            services.GetRequiredService<SigningKeys>();
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
