using System.Security.Cryptography;
using System.Text;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tests.Security;

public class JwksReaderTests
{
    private const string WrongType = "a member is of another type than RFC 7517 and RFC 7518 give it";
    private const string NoKey = "its members are missing, or are no key as base64url without padding";
    private const string NoPoint = "its members are missing, or are no point on P-256 as base64url without padding";

    private static readonly Issuer s_good = Issuer.Es256("good");

    private static (IReadOnlyList<SigningKey> Keys, IReadOnlyList<string> Notes) Read(string json) => JwksReader.Read(Encoding.UTF8.GetBytes(json));

    private static string With(string jwk, string members) => $"{jwk[..^1]},{members}}}";

    private static string RsaOf(int bits, byte[]? exponent = null)
    {
        using var rsa = RSA.Create(bits);
        var key = rsa.ExportParameters(false);
        return $$"""{"kty":"RSA","n":"{{Issuer.Encode(key.Modulus)}}","e":"{{Issuer.Encode(exponent ?? key.Exponent)}}"}""";
    }

    public static TheoryData<string, string> UnusableKeys => new()
    {
        { "5", "it is not an object" },
        { "{}", "its type (kty) must be oct, RSA or EC" },
        { """{"kty":1}""", WrongType },
        { """{"kty":"OKP","crv":"Ed25519","x":"AAAA"}""", "its type (kty) must be oct, RSA or EC" },
        { """{"kty":"EC","crv":"P-384"}""", "its curve (crv) must be P-256" },
        { With(s_good.Jwk, "\"use\":\"enc\""), "its use must be sig, or absent" },
        { With(s_good.Jwk, "\"alg\":\"ES512\""), "its algorithm (alg) must be ES256, or absent" },
        { With(s_good.Jwk, "\"alg\":\"HS256\""), "its algorithm (alg) must be ES256, or absent" },
        { With(s_good.Jwk, "\"key_ops\":[\"sign\"]"), "its key_ops must have verify, or be absent" },
        { With(s_good.Jwk, "\"key_ops\":\"verify\""), WrongType },
        { With(s_good.Jwk, "\"key_ops\":[]"), "its key_ops must have verify, or be absent" },
        { """{"kty":"oct"}""", NoKey },
        { """{"kty":"oct","k":"AA!A"}""", NoKey },
        { $$"""{"kty":"oct","k":"{{Issuer.Encode(new byte[31])}}"}""", "the secret has 31 bytes; HS256 needs at least 32 (RFC 7518 section 3.2)" },
        { $$"""{"kty":"oct","k":"{{Issuer.Encode(Issuer.Rs256().Pem!)}}"}""", "the secret is a PEM text; a key pair belongs to RS256 or ES256" },
        { RsaOf(1024), "the RSA key has 1024 bits; RS256 needs 2048 to 16384 (RFC 7518 section 3.3)" },
        { RsaOf(2048, [1]), "the RSA exponent must be odd, and from 3 to 2^64 - 1" },
        { RsaOf(2048, [0, 1]), "the RSA exponent must be odd, and from 3 to 2^64 - 1" },
        { RsaOf(2048, [4]), "the RSA exponent must be odd, and from 3 to 2^64 - 1" },
        { """{"kty":"RSA","n":"","e":"AQAB"}""", NoKey },
        { $$"""{"kty":"EC","crv":"P-256","x":"{{Issuer.Encode(new byte[31])}}","y":"{{Issuer.Encode(new byte[32])}}"}""",
            NoPoint },
        { $$"""{"kty":"EC","crv":"P-256","x":"{{Issuer.Encode(new byte[32])}}","y":"{{Issuer.Encode(Enumerable.Repeat((byte)1, 32).ToArray())}}"}""",
            NoPoint },
    };

    [Theory, MemberData(nameof(UnusableKeys))]
    public void A_key_that_cannot_be_used_is_left_out_with_a_note(string jwk, string why)
    {
        var (keys, notes) = Read($$"""{"keys":[{{jwk}},{{s_good.Jwk}}]}""");
        Assert.Equal("good", Assert.Single(keys).Id);
        Assert.Equal($"key 0 is left out: {why}", Assert.Single(notes));

        var alone = Assert.Throws<InvalidKeyException>(() => Read($$"""{"keys":[{{jwk}}]}"""));
        Assert.Equal($"it has no key that can be used; key 0 is left out: {why}", alone.Message);
    }

    [Theory]
    [InlineData("", "it is not a JSON object with each name once")]
    [InlineData("{\"keys\":[", "it is not a JSON object with each name once")]
    [InlineData("[]", "it is not a JSON object with each name once")]
    [InlineData("{\"keys\":[],\"keys\":[]}", "it is not a JSON object with each name once")]
    [InlineData("{}", "it is no JSON Web Key Set: the array 'keys' is missing (RFC 7517 section 5)")]
    [InlineData("{\"keys\":{}}", "it is no JSON Web Key Set: the array 'keys' is missing (RFC 7517 section 5)")]
    public void What_is_no_key_set_is_refused(string json, string why) =>
        Assert.Equal(why, Assert.Throws<InvalidKeyException>(() => Read(json)).Message);

    [Fact]
    public void An_empty_set_has_no_keys_and_is_one() => Assert.Empty(Read("""{"keys":[]}""").Keys);

    [Fact]
    public void At_most_100_keys_are_taken()
    {
        string Of(int count) => $$"""{"keys":[{{string.Join(',', Enumerable.Repeat(s_good.Jwk, count))}}]}""";
        Assert.Equal(100, Read(Of(100)).Keys.Count);
        Assert.Equal("it has 101 keys; at most 100 are taken", Assert.Throws<InvalidKeyException>(() => Read(Of(101))).Message);
    }

    [Fact]
    public void Use_operations_algorithm_and_members_unknown_to_us_may_be_there()
    {
        var (keys, notes) = Read($$"""{"more":1,"keys":[{{With(s_good.Jwk, "\"use\":\"sig\",\"alg\":\"ES256\",\"key_ops\":[\"verify\"],\"x5t\":\"abc\"")}}]}""");
        Assert.Equal("good ES256", Assert.Single(keys).ToString());
        Assert.Empty(notes);
    }

    [Fact]
    public void A_private_part_is_pointed_out()
    {
        var (keys, notes) = Read($$"""{"keys":[{{With(s_good.Jwk, "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"")}}]}""");
        Assert.Single(keys);
        Assert.Equal("key 0 comes with its private part, which a front neither needs nor should have", Assert.Single(notes));
    }
}
