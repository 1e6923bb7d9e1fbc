using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting.Internal;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tests.Security;

/// <summary>The scheme without a server: for tests of many tokens, and of such as no HTTP client would send.</summary>
internal sealed class Verifier : IDisposable
{
    private readonly ServiceProvider _services;

    /// <param name="time">The clock.</param>
    /// <param name="jwks">The keys; null for none.</param>
    /// <param name="issuer">The issuer that is trusted.</param>
    /// <param name="skew">The clock skew.</param>
    public Verifier(TimeProvider time, string? jwks, string issuer = Issuer.Name, string skew = "00:00:30")
    {
        var file = Path.GetTempFileName();
        var environment = new HostingEnvironment { EnvironmentName = "Development", ContentRootPath = Path.GetTempPath() };
        var settings = new Dictionary<string, string?>
        {
            [$"{BearerOptions.Section}:ValidIssuer"] = issuer,
            [$"{BearerOptions.Section}:ValidAudience"] = Issuer.Audience,
            [$"{BearerOptions.Section}:ClockSkew"] = skew,
            [$"{BearerOptions.Section}:JwksFile"] = jwks is null ? null : file,
        };
        _services = new ServiceCollection().AddLogging().AddSingleton(time)
            .AddRealtimeSecurity(new ConfigurationBuilder().AddInMemoryCollection(settings).Build(), environment)
            .BuildServiceProvider();
        if (jwks is not null)
            File.WriteAllText(file, jwks);
        _services.GetRequiredService<SigningKeys>();
        File.Delete(file);
    }

    public Verdict Verify(string token)
    {
        using var scope = _services.CreateScope();
        var context = new DefaultHttpContext { RequestServices = scope.ServiceProvider };
        context.Request.Headers.Authorization = $"Bearer {token}";
        var result = context.AuthenticateAsync(RealtimeSchemes.Bearer).GetAwaiter().GetResult(); // without an issuer to ask nothing of it waits
        return new(result.Principal?.Identities.Single(), result.Failure?.Message);
    }

    public void Dispose() => _services.Dispose();
}

/// <summary>An identity, or why there is none.</summary>
internal sealed record Verdict(ClaimsIdentity? Identity, string? Failure)
{
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(true, nameof(Identity))]
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(false, nameof(Failure))]
    public bool Succeeded => Failure is null;
}
