namespace Orleans;

/// <summary>Decides whether a client tries again to connect. Accepted and not used: see <see cref="Hosting.ClientBuilderExtensions.UseConnectionRetryFilter"/>.</summary>
public interface IClientConnectionRetryFilter
{
    Task<bool> ShouldRetryConnectionAttempt(Exception exception, CancellationToken cancellationToken);
}
