namespace Realtime.WebFront.Tests.Security;

/// <summary>Which key a token is verified with.</summary>
public class KeyChoiceTests
{
    private readonly ManualTimeProvider _time = ManualTimeProvider.At(1_800_000_000);

    private string? Failure(string token, string jwks)
    {
        using var verifier = new Verifier(_time, jwks);
        return verifier.Verify(token).Failure;
    }

    private string Unnamed(Issuer issuer) => issuer.Sign(Issuer.Claims(_time).ToJsonString(), $$"""{"alg":"{{issuer.Algorithm}}"}""");

    [Fact]
    public void The_key_of_that_id_is_used()
    {
        var (a, b) = (Issuer.Hs256("a"), Issuer.Hs256("b"));
        Assert.Null(Failure(a.Token(_time), Issuer.Jwks(a, b)));
        Assert.Null(Failure(b.Token(_time), Issuer.Jwks(a, b)));

        var underTheOther = b.Sign(Issuer.Claims(_time).ToJsonString(), """{"alg":"HS256","kid":"a"}""");
        Assert.Equal("The token's signature is wrong.", Failure(underTheOther, Issuer.Jwks(a, b)));
    }

    [Fact]
    public void An_unknown_id_is_refused()
    {
        var (a, b) = (Issuer.Es256("a"), Issuer.Es256("b"));
        Assert.Equal("The token's key id is unknown.", Failure(b.Token(_time), Issuer.Jwks(a)));
        Assert.Equal("The token's key id is unknown.",
            Failure(a.Sign(Issuer.Claims(_time).ToJsonString(), """{"alg":"ES256","kid":"A"}"""), Issuer.Jwks(a)));
    }

    [Fact]
    public void A_token_without_id_is_tried_with_the_keys_of_its_algorithm()
    {
        var (a, b, c) = (Issuer.Rs256("a"), Issuer.Es256("b"), Issuer.Es256("c"));
        Assert.Null(Failure(Unnamed(a), Issuer.Jwks(a, b, c)));
        Assert.Null(Failure(Unnamed(c), Issuer.Jwks(a, b, c)));
        Assert.Equal("The token's signature is wrong.", Failure(Unnamed(c), Issuer.Jwks(a, b)));
        Assert.Equal("The token's algorithm is not the one of its key.", Failure(Unnamed(a), Issuer.Jwks(b, c)));
    }

    [Fact]
    public void A_key_without_id_serves_tokens_of_any_id_that_no_other_key_has()
    {
        var (named, unnamed) = (Issuer.Hs256("a"), Issuer.Hs256("b"));
        var jwks = $$"""{"keys":[{{named.Jwk}},{{unnamed.Jwk.Replace(",\"kid\":\"b\"", "")}}]}""";

        Assert.Null(Failure(unnamed.Token(_time), jwks));
        Assert.Null(Failure(named.Token(_time), jwks));
        Assert.Equal("The token's signature is wrong.",
            Failure(unnamed.Sign(Issuer.Claims(_time).ToJsonString(), """{"alg":"HS256","kid":"a"}"""), jwks));
    }

    [Fact]
    public void An_id_may_be_shared_by_keys_of_several_types()
    {
        var (rsa, ec) = (Issuer.Rs256("k"), Issuer.Es256("k"));
        Assert.Null(Failure(rsa.Token(_time), Issuer.Jwks(rsa, ec)));
        Assert.Null(Failure(ec.Token(_time), Issuer.Jwks(rsa, ec)));
    }

    [Fact]
    public async Task A_key_verifies_for_many_at_once()
    {
        foreach (var issuer in new[] { Issuer.Rs256(), Issuer.Es256() })
        {
            using var verifier = new Verifier(_time, Issuer.Jwks(issuer));
            var (good, forged) = (issuer.Token(_time), issuer.Token(_time)[..^8] + "AAAAAAAA");
            await Parallel.ForAsync(0, 400, (i, _) =>
            {
                Assert.Equal(i % 2 == 0, verifier.Verify(i % 2 == 0 ? good : forged).Succeeded);
                return ValueTask.CompletedTask;
            });
        }
    }
}
