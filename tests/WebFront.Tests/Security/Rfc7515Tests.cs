using System.Buffers.Text;

namespace Realtime.WebFront.Tests.Security;

/// <summary>
/// The examples of RFC 7515. They name no audience and no subject, so access tokens they are not; one whose signature is right is
/// refused for that.
/// </summary>
public class Rfc7515Tests
{
    private const string SignatureIsRight = "The token is for another audience (aud).";

    private readonly ManualTimeProvider _time = ManualTimeProvider.At(Rfc7515.Expires - 1);

    public static TheoryData<string, string> Examples => new()
    {
        { Rfc7515.A1Token, Rfc7515.A1Key },
        { Rfc7515.A2Token, Rfc7515.A2Key },
        { Rfc7515.A3Token, Rfc7515.A3Key },
    };

    private Verifier With(params string[] jwks) => new(_time, $$"""{"keys":[{{string.Join(',', jwks)}}]}""", "joe", "00:00:00");

    [Theory, MemberData(nameof(Examples))]
    public void An_example_verifies_with_its_key_until_it_expires(string token, string key)
    {
        using var verifier = With(key);
        Assert.Equal(SignatureIsRight, verifier.Verify(token).Failure);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("The token has expired.", verifier.Verify(token).Failure);
    }

    [Theory, MemberData(nameof(Examples))]
    public void An_example_verifies_among_all_the_keys(string token, string key)
    {
        Assert.NotEmpty(key);
        using var verifier = With(Rfc7515.A1Key, Rfc7515.A2Key, Rfc7515.A3Key);
        Assert.Equal(SignatureIsRight, verifier.Verify(token).Failure);
    }

    [Theory, MemberData(nameof(Examples))]
    public void An_example_fails_with_any_bit_of_its_signature_turned(string token, string key)
    {
        using var verifier = With(key);
        var split = token.LastIndexOf('.') + 1;
        var signature = Base64Url.DecodeFromChars(token.AsSpan(split));
        for (var bit = 0; bit < signature.Length * 8; bit++)
        {
            signature[bit / 8] ^= (byte)(1 << (bit % 8));
            var tampered = token[..split] + Issuer.Encode(signature);
            signature[bit / 8] ^= (byte)(1 << (bit % 8));

            Assert.Equal("The token's signature is wrong.", verifier.Verify(tampered).Failure);
        }
    }

    [Theory, MemberData(nameof(Examples))]
    public void An_example_fails_with_any_character_of_it_changed(string token, string key)
    {
        using var verifier = With(key);
        for (var i = 0; i < token.Length; i++)
        {
            var changed = token.ToCharArray();
            changed[i] = changed[i] == 'A' ? 'B' : 'A';
            var failure = verifier.Verify(new string(changed)).Failure;
            Assert.True(failure is not null and not SignatureIsRight, $"character {i}");
        }
    }

    [Fact]
    public void An_unsecured_token_is_refused()
    {
        using var verifier = With(Rfc7515.A1Key, Rfc7515.A2Key, Rfc7515.A3Key);
        Assert.Equal("The token's algorithm (alg) must be HS256, RS256 or ES256.", verifier.Verify(Rfc7515.A5Token).Failure);
    }
}
