using System.Text;
using Realtime.WebFront.Security.Tokens;

namespace Realtime.WebFront.Tests.Security;

public class Rfc7515Tests
{
    public static TheoryData<string, string> Examples => new()
    {
        { Rfc7515.A1Token, Rfc7515.A1Key },
        { Rfc7515.A2Token, Rfc7515.A2Key },
        { Rfc7515.A3Token, Rfc7515.A3Key },
    };

    private static KeySet Keys(params string[] jwks) =>
        new(JwksReader.Read(Encoding.UTF8.GetBytes($$"""{"keys":[{{string.Join(',', jwks)}}]}""")).Keys);

    [Theory, MemberData(nameof(Examples))]
    public void An_example_verifies_with_its_key(string token, string key)
    {
        Assert.True(JsonWebSignature.TryVerify(token, Keys(key), out var payload, out var failure), failure);
        Assert.Equal("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}", Encoding.UTF8.GetString(payload));
    }

    [Theory, MemberData(nameof(Examples))]
    public void An_example_verifies_among_all_the_keys(string token, string key)
    {
        Assert.NotEmpty(key);
        Assert.True(JsonWebSignature.TryVerify(token, Keys(Rfc7515.A1Key, Rfc7515.A2Key, Rfc7515.A3Key), out _, out var failure), failure);
    }

    // The examples name no audience and no subject, so an access token they are not; before its expiry each gets as far as that.
    [Theory, MemberData(nameof(Examples))]
    public void An_example_passes_the_signature_the_issuer_and_the_clock_until_it_expires(string token, string key)
    {
        var time = ManualTimeProvider.At(Rfc7515.Expires - 1);
        var validator = new TokenValidator(new TokenRules("joe", "any", TimeSpan.Zero), time);

        Assert.Equal("The token is for another audience (aud).", validator.Validate(token, Keys(key)).Failure);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("The token has expired.", validator.Validate(token, Keys(key)).Failure);
    }

    [Theory, MemberData(nameof(Examples))]
    public void An_example_fails_with_any_bit_of_its_signature_turned(string token, string key)
    {
        var keys = Keys(key);
        var split = token.LastIndexOf('.') + 1;
        Assert.True(StrictBase64Url.TryDecode(token.AsSpan(split), out var signature));
        for (var bit = 0; bit < signature.Length * 8; bit++)
        {
            signature[bit / 8] ^= (byte)(1 << (bit % 8));
            var tampered = token[..split] + Issuer.Encode(signature);
            signature[bit / 8] ^= (byte)(1 << (bit % 8));

            Assert.False(JsonWebSignature.TryVerify(tampered, keys, out _, out var failure), $"bit {bit}");
            Assert.Equal("The token's signature is wrong.", failure);
        }
    }

    [Theory, MemberData(nameof(Examples))]
    public void An_example_fails_with_any_character_of_it_changed(string token, string key)
    {
        var keys = Keys(key);
        for (var i = 0; i < token.Length; i++)
        {
            var changed = token.ToCharArray();
            changed[i] = changed[i] == 'A' ? 'B' : 'A';
            Assert.False(JsonWebSignature.TryVerify(new string(changed), keys, out _, out _), $"character {i}");
        }
    }

    [Fact]
    public void An_unsecured_token_is_refused()
    {
        Assert.False(JsonWebSignature.TryVerify(Rfc7515.A5Token, Keys(Rfc7515.A1Key, Rfc7515.A2Key, Rfc7515.A3Key), out _, out var failure));
        Assert.Equal("The token's algorithm (alg) must be HS256, RS256 or ES256.", failure);
    }
}
