using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Realtime.WebFront.Security;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Tokens;

/// <summary>A connection lasts no longer than the key that verified its token counts.</summary>
[Collection(ClusterCollection.Name)]
public sealed class KeyRotationTests(Cluster cluster) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-rotation-").FullName;
    private readonly string _user = $"user-{Guid.NewGuid():N}";
    private readonly ManualTimeProvider _clock = new(DateTimeOffset.UtcNow); // of the keys' file
    private readonly Issuer _old = Issuer.Es256("old");
    private readonly Issuer _new = Issuer.Rs256("new");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Task<TokenFront> Start(params Issuer[] configured)
    {
        var settings = TestFront.Trusting(configured);
        settings[$"{BearerOptions.Section}:JwksFile"] = Path.Combine(_folder, "jwks.json");
        Write(Issuer.Jwks(_old));
        return TokenFront.Start(cluster, builder => builder.Services.AddSingleton(provider => new SigningKeys(
            provider.GetRequiredService<IOptions<BearerOptions>>(), builder.Environment, _clock, NullLogger<SigningKeys>.Instance)), settings, _old);
    }

    private void Write(string content)
    {
        File.WriteAllText(Path.Combine(_folder, "jwks.json"), content);
        _clock.Advance(SigningKeys.RefreshInterval);
    }

    private string Token(Issuer issuer) => issuer.Token(TimeProvider.System, ("sub", _user));

    private static async Task AssertKeyGone(TestClient client)
    {
        Assert.Null(await client.ReceiveRaw());
        Assert.Equal((4003, "the key of the token counts no more"), ((int)client.CloseStatus!, client.CloseReason));
    }

    [Fact]
    public async Task When_a_key_goes_its_connections_end_and_others_stay()
    {
        var configured = Issuer.Hs256("configured");
        await using var front = await Start(configured);
        await using var gone = await front.Connect(Token(_old));
        await using var renewed = await front.Connect(Token(_old));
        await using var stays = await front.Connect(Token(configured));
        Write(Issuer.Jwks(_old, _new));
        Assert.Empty(await gone.Drain()); // one more changes nothing
        Assert.Equal("refreshed", (string?)(await renewed.Ask(new JsonObject { ["type"] = "refresh", ["token"] = Token(_new) }))["type"]);

        Write(Issuer.Jwks(_new));
        await AssertKeyGone(gone);
        Assert.Empty(await renewed.Drain());
        Assert.Empty(await stays.Drain());
        Write("""{"keys":[]}""");
        await AssertKeyGone(renewed);
        Assert.Empty(await stays.Drain());
    }

    [Fact]
    public async Task A_file_that_is_broken_ends_nothing()
    {
        await using var front = await Start();
        await using var client = await front.Connect(Token(_old));
        Write("{");
        Assert.Empty(await client.Drain());
        Write("""{"keys":[]}""");
        await AssertKeyGone(client);
    }
}
