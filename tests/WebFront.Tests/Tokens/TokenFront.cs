using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Realtime.WebFront.Tests.Security;
using Realtime.WebFront.Tokens;

namespace Realtime.WebFront.Tests.Tokens;

/// <summary>A front that trusts an issuer, with a clock of its own for the end of tokens, and clients that bring tokens.</summary>
internal sealed class TokenFront : IAsyncDisposable
{
    private TokenFront(Front front, ManualTimeProvider clock, Issuer issuer) => (Front, Clock, Issuer) = (front, clock, issuer);

    public Front Front { get; }

    /// <summary>By which connections end with their tokens; it starts with the real one.</summary>
    public ManualTimeProvider Clock { get; }

    public Issuer Issuer { get; }

    public TokenExpiry Expiry => Front.Services.GetRequiredService<TokenExpiry>();

    public static async Task<TokenFront> Start(
        Cluster cluster, Action<WebApplicationBuilder>? build = null, Dictionary<string, string?>? trusting = null, Issuer? issuer = null,
        params (string Key, string Value)[] settings)
    {
        issuer ??= Issuer.Es256();
        var clock = new ManualTimeProvider(DateTimeOffset.UtcNow);
        var front = await Front.Start(
            cluster.Client, null, [.. (trusting ?? TestFront.Trusting(issuer)).Select(pair => (pair.Key, pair.Value!)), .. settings],
            build: builder =>
            {
                builder.Services.AddSingleton(new TokenExpiry(clock, NullLogger<TokenExpiry>.Instance));
                build?.Invoke(builder);
            });
        return new TokenFront(front, clock, issuer);
    }

    /// <summary>A token of <paramref name="user"/> that ends <paramref name="seconds"/> from now.</summary>
    public string Token(string user, int seconds = 3600, params (string Name, JsonNode? Value)[] more) =>
        Issuer.Token(TimeProvider.System, [("sub", user), ("exp", DateTimeOffset.UtcNow.ToUnixTimeSeconds() + seconds), .. more]);

    public async Task<TestClient> Connect(string token)
    {
        var client = await TestClient.Connect(new Uri($"ws://{Front.Address.Authority}/ws"), options => options.SetRequestHeader("Authorization", $"Bearer {token}"));
        Assert.Empty(await client.Drain());
        return client;
    }

    public ValueTask DisposeAsync() => Front.DisposeAsync();
}
