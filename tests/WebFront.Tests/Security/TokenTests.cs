using System.Security.Claims;
using System.Text;
using System.Text.Json.Nodes;
using Realtime.Grains;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tests.Security;

/// <summary>What a token may be and say, and the failure each other one gets.</summary>
public sealed class TokenTests : IDisposable
{
    private const long Now = 1_800_000_000;

    private readonly ManualTimeProvider _time = ManualTimeProvider.At(Now);

    private readonly Dictionary<string, Verifier> _verifiers = [];

    public void Dispose()
    {
        foreach (var verifier in _verifiers.Values)
            verifier.Dispose();
    }

    private Verdict Validate(string token, params Issuer[] issuers)
    {
        var jwks = Issuer.Jwks(issuers);
        if (!_verifiers.TryGetValue(jwks, out var verifier))
            _verifiers.Add(jwks, verifier = new Verifier(_time, issuers.Length == 0 ? null : jwks));
        return verifier.Verify(token);
    }

    private Verdict ValidateClaims(params (string, JsonNode?)[] changes)
    {
        var issuer = Issuer.Hs256();
        return Validate(issuer.Token(_time, changes), issuer);
    }

    [Theory, InlineData("HS256"), InlineData("RS256"), InlineData("ES256")]
    public void A_good_token_gives_the_subject_as_name(string algorithm)
    {
        var issuer = Issuer.Of(algorithm);
        var result = Validate(issuer.Token(_time, ("scope", "a realtime.read"), ("roles", new JsonArray("x", "y"))), issuer);

        Assert.True(result.Succeeded, result.Failure);
        var principal = new ClaimsPrincipal(result.Identity);
        Assert.Equal("alice", principal.Identity!.Name);
        Assert.True(principal.Identity.IsAuthenticated);
        Assert.Equal("a realtime.read", principal.FindFirst("scope")!.Value);
        Assert.True(principal.IsInRole("x") && principal.IsInRole("y"));
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(Now + 3600), principal.GetTokenExpiry());
    }

    [Fact]
    public void Claims_of_every_kind_keep_their_value()
    {
        var result = ValidateClaims(
            ("flag", true), ("big", JsonNode.Parse("123456789012345678901234567890")), ("fraction", 1.5), ("object", JsonNode.Parse("""{"a":[1]}""")),
            ("mixed", JsonNode.Parse("""["a",1,null,false]""")), ("exp", Now + 60.75), ("unicode", "Zoë 😀"));

        Assert.True(result.Succeeded, result.Failure);
        string[] Values(string type) => [.. result.Identity!.FindAll(type).Select(c => c.Value)];
        Assert.Equal(["true"], Values("flag"));
        Assert.Equal(["1.2345678901234568E+29"], Values("big")); // of 64 bits, or a double
        Assert.Equal(["1.5"], Values("fraction"));
        Assert.Equal(["{\"a\":[1]}"], Values("object"));
        Assert.Equal(["a", "1", "false"], Values("mixed"));
        Assert.Equal([$"{Now + 61}"], Values("exp")); // whole seconds
        Assert.Equal(["Zoë 😀"], Values("unicode"));
    }

    public static TheoryData<string, string?, string> WrongClaims => new()
    {
        { "iss", null, "The token is from another issuer (iss)." },
        { "iss", "\"https://issuer.example/\"", "The token is from another issuer (iss)." },
        { "iss", "[\"https://issuer.example\"]", "The token is from another issuer (iss)." },
        { "aud", null, "The token is for another audience (aud)." },
        { "aud", "\"Realtime\"", "The token is for another audience (aud)." },
        { "aud", "[]", "The token is for another audience (aud)." },
        { "aud", "[\"other\"]", "The token is for another audience (aud)." },
        { "aud", "{\"realtime\":1}", "The token is for another audience (aud)." },
        { "aud", "[\"realtime\",1]", "The token's audience (aud) must be a string or an array of strings." },
        { "exp", null, "The token's expiry (exp) must be a number of seconds since 1970, from 0 to 253402300799." },
        { "exp", "\"1800003600\"", "The token's expiry (exp) must be a number of seconds since 1970, from 0 to 253402300799." },
        { "exp", "null", "The token's expiry (exp) must be a number of seconds since 1970, from 0 to 253402300799." },
        { "exp", "-1", "The token's expiry (exp) must be a number of seconds since 1970, from 0 to 253402300799." },
        { "exp", "1e999", "The token's expiry (exp) must be a number of seconds since 1970, from 0 to 253402300799." },
        { "exp", "1800003600000", "The token's expiry (exp) must be a number of seconds since 1970, from 0 to 253402300799." }, // milliseconds
        { "nbf", "true", "The token's start (nbf) must be a number of seconds since 1970, from 0 to 253402300799." },
        { "nbf", "-1e999", "The token's start (nbf) must be a number of seconds since 1970, from 0 to 253402300799." },
        { "iat", "[]", "The token's time of issue (iat) must be a number of seconds since 1970, from 0 to 253402300799." },
        { "sub", null, "The token's subject (sub) must be a user id: " + Names.Rule + "." },
        { "sub", "\"\"", "The token's subject (sub) must be a user id: " + Names.Rule + "." },
        { "sub", "7", "The token's subject (sub) must be a user id: " + Names.Rule + "." },
        { "sub", "\"a\\u0000b\"", "The token's subject (sub) must be a user id: " + Names.Rule + "." },
        { "sub", "\" \"", "The token's subject (sub) must be a user id: " + Names.Rule + "." },
        { "sub", "\"..\"", "The token's subject (sub) must be a user id: " + Names.Rule + "." },
        { "sub", "\"bob\\u202e\"", "The token's subject (sub) must be a user id: " + Names.Rule + "." },
        { "sub", "\"\\ud800\"", "The token's subject (sub) must be a user id: " + Names.Rule + "." },
        { "note", "\"\\udc00\"", "A claim of the token cannot be read: it is no text or number." },
    };

    [Theory, MemberData(nameof(WrongClaims))]
    public void A_wrong_claim_is_named(string name, string? json, string failure)
    {
        var issuer = Issuer.Hs256();
        var payload = Issuer.Claims(_time, (name, null)).ToJsonString();
        if (json is not null)
            payload = $"{payload[..^1]},\"{name}\":{json}}}";

        Assert.Equal(failure, Validate(issuer.Sign(payload), issuer).Failure);
    }

    [Fact]
    public void The_audience_may_be_one_of_several()
    {
        var result = ValidateClaims(("aud", new JsonArray("other", Issuer.Audience)));
        Assert.True(result.Succeeded, result.Failure);
    }

    [Theory]
    [InlineData(128, true)]
    [InlineData(129, false)]
    public void A_subject_has_128_bytes_at_most(int bytes, bool accepted)
    {
        Assert.Equal(accepted, ValidateClaims(("sub", new string('a', bytes))).Succeeded);
        Assert.Equal(accepted, ValidateClaims(("sub", new string('é', bytes / 2) + new string('a', bytes % 2))).Succeeded);
    }

    // A token counts up to and without exp, from and with nbf, each with the skew of 30 seconds on top.
    [Theory]
    [InlineData("exp", 1, true)]
    [InlineData("exp", 0, true)]
    [InlineData("exp", -29.999, true)]
    [InlineData("exp", -30, false)]
    [InlineData("exp", -31, false)]
    [InlineData("nbf", -1, true)]
    [InlineData("nbf", 30, true)]
    [InlineData("nbf", 30.001, false)]
    [InlineData("iat", 30, true)]
    [InlineData("iat", 30.001, false)]
    public void Times_count_with_the_skew_and_no_further(string claim, double secondsFromNow, bool accepted)
    {
        var result = ValidateClaims((claim, Now + secondsFromNow));

        Assert.Equal(accepted ? null : claim switch
        {
            "exp" => "The token has expired.",
            "nbf" => "The token is not valid yet.",
            _ => "The token's time of issue is in the future.",
        }, result.Failure);
    }

    [Fact]
    public void The_clock_is_the_given_one()
    {
        var issuer = Issuer.Hs256();
        var token = issuer.Token(_time);
        _time.Advance(TimeSpan.FromSeconds(3629));
        Assert.True(Validate(token, issuer).Succeeded);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("The token has expired.", Validate(token, issuer).Failure);
    }

    [Theory, InlineData("HS256"), InlineData("RS256"), InlineData("ES256")]
    public void A_payload_or_header_of_another_token_is_refused(string algorithm)
    {
        var issuer = Issuer.Of(algorithm);
        var mine = issuer.Token(_time).Split('.');
        var other = issuer.Token(_time, ("sub", "root")).Split('.');
        var header = Issuer.Encode($$"""{"kid":"{{issuer.KeyId}}","alg":"{{algorithm}}"}""");

        Assert.Equal("The token's signature is wrong.", Validate($"{mine[0]}.{other[1]}.{mine[2]}", issuer).Failure);
        Assert.Equal("The token's signature is wrong.", Validate($"{header}.{mine[1]}.{mine[2]}", issuer).Failure);
        Assert.Equal("The token's signature is wrong.", Validate($"{mine[0]}.{mine[1]}.", issuer).Failure);
    }

    // RFC 8725 section 2.1: the public key, which everybody has, as the secret of an HMAC.
    [Fact]
    public void A_public_key_is_no_secret()
    {
        var rsa = Issuer.Rs256("k");
        foreach (var secret in new[] { rsa.Pem!, rsa.Pem!.TrimEnd(), rsa.Jwk })
        {
            var forger = Issuer.Hs256("k", Encoding.UTF8.GetBytes(secret));
            var payload = Issuer.Claims(_time).ToJsonString();

            Assert.Equal("The token's algorithm is not the one of its key.", Validate(forger.Sign(payload), rsa).Failure);
            Assert.Equal("The token's signature is wrong.", Validate(forger.Sign(payload, """{"alg":"RS256","kid":"k"}"""), rsa).Failure);
            Assert.Equal("The token's signature is wrong.", Validate(forger.Sign(payload), rsa, Issuer.Hs256("k")).Failure);
        }
    }

    [Theory]
    [InlineData("{\"alg\":\"none\"}")]
    [InlineData("{\"alg\":\"None\"}")]
    [InlineData("{\"alg\":\"hs256\"}")]
    [InlineData("{\"alg\":\"HS512\"}")]
    [InlineData("{\"alg\":\"\"}")]
    [InlineData("{\"alg\":null}")]
    [InlineData("{\"alg\":[\"HS256\"]}")]
    [InlineData("{\"alg\":\"HS256\\ud800\"}")]
    [InlineData("{}")]
    public void Another_algorithm_is_refused_even_with_a_signature_that_fits(string header)
    {
        var issuer = Issuer.Hs256();
        Assert.Equal("The token's algorithm (alg) must be HS256, RS256 or ES256.",
            Validate(issuer.Sign(Issuer.Claims(_time).ToJsonString(), header), issuer).Failure);
    }

    [Theory]
    [InlineData("{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", "The token's header has critical extensions (crit); none is known here.")]
    [InlineData("{\"alg\":\"HS256\",\"crit\":[]}", "The token's header has critical extensions (crit); none is known here.")]
    [InlineData("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", "The token's header has critical extensions (crit); none is known here.")]
    [InlineData("{\"alg\":\"HS256\",\"kid\":1}", "The token's key id (kid) must be a string.")]
    [InlineData("{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}", "The token's type (typ) must be JWT or at+jwt.")]
    [InlineData("{\"alg\":\"HS256\",\"typ\":5}", "The token's type (typ) must be JWT or at+jwt.")]
    [InlineData("{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "The token's header is not a JSON object with each name once.")]
    [InlineData("{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", "The token's header is not a JSON object with each name once.")]
    [InlineData("[{\"alg\":\"HS256\"}]", "The token's header is not a JSON object with each name once.")]
    [InlineData("{\"alg\":\"HS256\"} x", "The token's header is not a JSON object with each name once.")]
    [InlineData("{\"alg\":\"HS256\",}", "The token's header is not a JSON object with each name once.")]
    [InlineData("", "The token's header is not a JSON object with each name once.")]
    public void A_wrong_header_is_refused_even_with_a_signature_that_fits(string header, string failure)
    {
        var issuer = Issuer.Hs256();
        Assert.Equal(failure, Validate(issuer.Sign(Issuer.Claims(_time).ToJsonString(), header), issuer).Failure);
    }

    [Theory]
    [InlineData("{\"alg\":\"HS256\"}")]
    [InlineData("{\"alg\":\"HS256\",\"typ\":\"at+JWT\"}")]
    [InlineData("{\"alg\":\"HS256\",\"typ\":\"application/at+jwt\"}")]
    [InlineData("{\"alg\":\"HS256\",\"x-unknown\":{\"a\":1}}")]
    public void A_header_without_key_id_is_fine(string header)
    {
        var issuer = Issuer.Hs256();
        var result = Validate(issuer.Sign(Issuer.Claims(_time).ToJsonString(), header), issuer);
        Assert.True(result.Succeeded, result.Failure);
    }

    [Fact]
    public void A_key_that_the_token_brings_along_is_not_used()
    {
        var (mine, forger) = (Issuer.Es256("k"), Issuer.Es256("k"));
        var header = $$"""{"alg":"ES256","kid":"k","jwk":{{forger.Jwk}},"jku":"https://forger.example/keys"}""";

        Assert.Equal("The token's signature is wrong.", Validate(forger.Sign(Issuer.Claims(_time).ToJsonString(), header), mine).Failure);
    }

    // Real payloads, so that only the JSON stands between them and a principal.
    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"text\"")]
    [InlineData("1e999")]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{\"a\":1}{\"a\":1}")]
    [InlineData("{\"a\":01}")]
    [InlineData("{\"a\":NaN}")]
    [InlineData("{'a':1}")]
    [InlineData("{\"a\":1/**/}")]
    [InlineData("{\"sub\":\"alice\",\"sub\":\"root\"}")]
    [InlineData("{\"sub\":\"alice\",\"su\\u0062\":\"root\"}")]
    [InlineData("{\"deep\":{\"a\":1,\"a\":2}}")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("\uFEFF{}")]
    public void A_payload_that_is_no_sound_object_is_refused(string payload)
    {
        var issuer = Issuer.Hs256();
        var failure = Validate(issuer.Sign(payload), issuer).Failure;
        Assert.True(failure is "The token's payload is not a JSON object with each name once." || (payload.Contains("ud800") && failure is not null), failure);
    }

    [Fact]
    public void A_payload_that_is_not_utf8_or_is_very_deep_is_refused()
    {
        var issuer = Issuer.Hs256();
        byte[][] payloads = [[.. "{\"sub\":\""u8, 0xC3, 0x28, .. "\"}"u8], [0xFF, 0xFE], [.. Enumerable.Repeat((byte)'[', 4000)]];
        foreach (var payload in payloads)
            Assert.Equal("The token's payload is not a JSON object with each name once.",
                Validate(issuer.Sign("{\"alg\":\"HS256\"}"u8.ToArray(), payload), issuer).Failure);
    }

    [Theory]
    [InlineData(".")]
    [InlineData("a.b")]
    [InlineData("a.b.c.d")]
    [InlineData("a.b.c.d.e")] // an encrypted token (RFC 7516)
    [InlineData("{\"payload\":\"\",\"signatures\":[]}")]
    public void A_text_without_three_parts_is_refused(string token) =>
        Assert.Equal("The token is not a signed JWT: it must have three parts with dots between them.", Validate(token, Issuer.Hs256()).Failure);

    [Fact]
    public void Parts_with_padding_or_other_characters_are_refused()
    {
        var issuer = Issuer.Hs256();
        var parts = issuer.Token(_time).Split('.');
        var padded = Issuer.Encode("{\"alg\":\"HS256\"} ") + "==";

        // Signed as they stand, so that nothing but the spelling is wrong with them.
        string[] tokens =
        [
            issuer.SignParts(padded, parts[1]),
            issuer.SignParts(parts[0] + "\n", parts[1]),
            issuer.SignParts(parts[0], parts[1] + " "),
            issuer.SignParts(parts[0], "ä"),
            string.Join('.', parts) + "=",
            // The last of a signature's 43 characters has two bits over: another spelling of the same bytes.
            string.Join('.', parts)[..^1] + (char)(parts[2][^1] + 1),
        ];
        Assert.All(tokens, token => Assert.Equal("A part of the token is not base64url without padding.", Validate(token, issuer).Failure));
    }

    [Theory]
    [InlineData(8192, null)]
    [InlineData(8193, "The token is longer than 8192 characters.")]
    public void A_token_has_8192_characters_at_most(int length, string? failure)
    {
        var issuer = Issuer.Hs256();
        var (pad, header) = (0, 0);
        string token;
        // Three payload characters are four of the token; the header takes what that leaves over.
        while ((token = issuer.Sign(Issuer.Claims(_time, ("pad", new string('x', pad))).ToJsonString(), $"{{\"alg\":\"HS256\"{new string(' ', header)}}}")).Length != length)
        {
            if (token.Length < length - 8)
                pad += (length - token.Length) * 3 / 4 - 3;
            else if (++header == 12)
                (header, pad) = (0, pad + 1);
        }

        Assert.Equal(failure, Validate(token, issuer).Failure);
    }

    [Fact]
    public void Any_garbage_is_a_failure_and_never_a_throw()
    {
        var issuers = new[] { Issuer.Hs256(), Issuer.Rs256(), Issuer.Es256() };
        var random = new Random(7515);
        for (var i = 0; i < 3000; i++)
        {
            var issuer = issuers[i % 3];
            // A third each: cut or changed text, changed payload under a good signature, changed header under a good signature.
            var token = (i / 3 % 3) switch
            {
                0 => Mangle(issuer.Token(_time), random),
                1 => issuer.Sign(Mangle(Issuer.Claims(_time).ToJsonString(), random)),
                _ => issuer.Sign(Issuer.Claims(_time).ToJsonString(), Mangle($$"""{"alg":"{{issuer.Algorithm}}","typ":"JWT","kid":"{{issuer.KeyId}}"}""", random)),
            };
            var result = Validate(token, issuers);
            if (result.Succeeded)
                Assert.False(string.IsNullOrEmpty(result.Identity.Name));
            else
                // RFC 6750 section 3: what may stand in error_description.
                Assert.All(result.Failure, c => Assert.True(c is >= ' ' and <= '~' and not '"' and not '\\'));
        }
    }

    private static string Mangle(string text, Random random)
    {
        const string odd = "\0\n\"\\{}[]:,.-+eE09=Aä\ud800\udfffu";
        var builder = new StringBuilder(text);
        for (var changes = random.Next(1, 5); changes > 0 && builder.Length > 0; changes--)
        {
            var at = random.Next(builder.Length);
            switch (random.Next(4))
            {
                case 0: builder[at] = odd[random.Next(odd.Length)]; break;
                case 1: builder.Insert(at, odd[random.Next(odd.Length)]); break;
                case 2: builder.Remove(at, 1); break;
                default: builder.Remove(at, random.Next(builder.Length - at)); break;
            }
        }
        return builder.ToString();
    }
}
