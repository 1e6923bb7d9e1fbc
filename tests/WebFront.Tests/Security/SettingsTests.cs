using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace Realtime.WebFront.Tests.Security;

/// <summary>What the configuration may be, and the errors that a start fails with.</summary>
public class SettingsTests
{
    private static async Task<string> FailureAsync(Dictionary<string, string?> settings, string environment = "Production") =>
        (await Assert.ThrowsAsync<OptionsValidationException>(() => TestFront.StartAsync(environment, settings))).Message;

    private static Dictionary<string, string?> With(string name, string? value)
    {
        var settings = TestFront.Trusting(Issuer.Hs256(), Issuer.Rs256());
        settings[$"Authentication:Bearer:{name}"] = value;
        return settings;
    }

    [Theory, InlineData("Production"), InlineData("Staging")]
    public async Task Outside_development_a_key_is_required(string environment)
    {
        Assert.Equal(
            "Authentication:Bearer:Keys is empty and Authentication:Bearer:JwksFile is not set: no client could prove who it is. In the "
            + $"environment '{environment}' give at least one key, or make another authentication scheme the default.",
            await FailureAsync([], environment));
    }

    public static TheoryData<string, string?, string> WrongSettings
    {
        get
        {
            var ec384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
            return new()
            {
                { "Issuer", "", "Authentication:Bearer:Issuer is ''; with keys it must be set to the exact 'iss' of the tokens." },
                { "Audience", " ", "Authentication:Bearer:Audience is ' '; with keys it must be set to a value that the tokens have in 'aud'." },
                { "ClockSkew", "00:05:01", "Authentication:Bearer:ClockSkew is 00:05:01; it must be from 00:00:00 to 00:05:00." },
                { "ClockSkew", "-00:00:01", "Authentication:Bearer:ClockSkew is -00:00:01; it must be from 00:00:00 to 00:05:00." },
                { "Keys:0:Algorithm", "none", "Authentication:Bearer:Keys:0:Algorithm is 'none'; it must be HS256, RS256 or ES256." },
                { "Keys:0:Algorithm", null, "Authentication:Bearer:Keys:0:Algorithm is ''; it must be HS256, RS256 or ES256." },
                { "Keys:1:KeyId", "hs", "Authentication:Bearer:Keys:1:KeyId is 'hs' again; each key needs an id of its own." },
                { "Keys:0:Secret", null, "Authentication:Bearer:Keys:0 cannot be used: HS256 needs Secret, and no PublicKey." },
                { "Keys:0:PublicKey", "x", "Authentication:Bearer:Keys:0 cannot be used: HS256 needs Secret, and no PublicKey." },
                { "Keys:0:Secret", "AAAA", "Authentication:Bearer:Keys:0 cannot be used: the secret has 3 bytes; HS256 needs at least 32 (RFC 7518 section 3.2)." },
                { "Keys:0:Secret", "my secret",
                    "Authentication:Bearer:Keys:0 cannot be used: Secret must be base64url without padding ('-' and '_', not '+', '/' and '='; RFC 4648 section 5)." },
                { "Keys:1:Secret", "x", "Authentication:Bearer:Keys:1 cannot be used: RS256 needs PublicKey, and no Secret." },
                { "Keys:1:PublicKey", "x", "Authentication:Bearer:Keys:1 cannot be used: the public key is not PEM; it must start with '-----BEGIN PUBLIC KEY-----'." },
                { "Keys:1:PublicKey", Issuer.Es256().Pem, "Authentication:Bearer:Keys:1 cannot be used: the PEM holds no public key for RS256." },
                { "Keys:1:PublicKey", RSA.Create(2048).ExportPkcs8PrivateKeyPem(),
                    "Authentication:Bearer:Keys:1 cannot be used: the PEM holds a private key; give the public key only, the private one stays with the issuer." },
                { "Keys:1:PublicKey", RSA.Create(1024).ExportSubjectPublicKeyInfoPem(),
                    "Authentication:Bearer:Keys:1 cannot be used: the RSA key has 1024 bits; RS256 needs 2048 to 16384 (RFC 7518 section 3.3)." },
                { "Keys:1:PublicKey", PemEncoding.WriteString("CERTIFICATE", [1, 2, 3]),
                    "Authentication:Bearer:Keys:1 cannot be used: the PEM holds no public key; it must start with '-----BEGIN PUBLIC KEY-----'." },
                { "Keys:2:PublicKey", ec384.ExportSubjectPublicKeyInfoPem(),
                    "Authentication:Bearer:Keys:2 cannot be used: the PEM holds an EC key on another curve; ES256 needs P-256 (RFC 7518 section 3.4)." },
            };
        }
    }

    [Theory, MemberData(nameof(WrongSettings))]
    public async Task A_wrong_setting_is_named_with_what_is_allowed(string name, string? value, string failure)
    {
        var settings = With(name, value);
        if (name.StartsWith("Keys:2"))
            settings["Authentication:Bearer:Keys:2:Algorithm"] = "ES256";

        Assert.Equal(failure, await FailureAsync(settings));
        Assert.Equal(failure, await FailureAsync(settings, "Development"));
    }

    [Theory]
    [InlineData("ClockSkew", "soon", "Authentication:Bearer:ClockSkew is 'soon'; it must be a time as hh:mm:ss or d.hh:mm:ss from 00:00:00 to 00:05:00.")]
    [InlineData("Isuer", "x", "Authentication:Bearer:Isuer is no setting (its value is 'x'); did you mean Issuer?")]
    [InlineData("Keys:0:Kid", "x", "Authentication:Bearer:Keys:0:Kid is no setting")]
    public async Task A_setting_that_cannot_be_read_is_named_with_those_that_can(string name, string value, string told) =>
        Assert.Contains(told, await FailureAsync(With(name, value)));

    [Fact]
    public async Task All_that_is_wrong_is_told_at_once_and_no_secret_with_it()
    {
        var settings = With("Keys:0:Secret", "c2VjcmV0");
        settings["Authentication:Bearer:Issuer"] = null;
        settings["Authentication:Bearer:ClockSkew"] = "1.00:00:00";

        var failure = await FailureAsync(settings);
        Assert.Contains("Issuer is ''", failure);
        Assert.Contains("ClockSkew is 1.00:00:00", failure);
        Assert.Contains("the secret has 6 bytes", failure);
        Assert.DoesNotContain("c2VjcmV0", failure);
    }

    [Theory]
    [InlineData("00:00:00")]
    [InlineData("00:05:00")]
    public async Task The_bounds_of_the_skew_are_allowed_and_used(string skew)
    {
        var time = ManualTimeProvider.At(1_800_000_000);
        var issuer = Issuer.Rs256();
        var settings = TestFront.Trusting(issuer);
        settings["Authentication:Bearer:ClockSkew"] = skew;
        await using var front = await TestFront.StartAsync(settings: settings, time: time);
        var token = issuer.Token(time);

        time.Advance(TimeSpan.FromSeconds(3599) + TimeSpan.Parse(skew));
        Assert.Equal("alice", (await front.GetAsync("/who", token)).Body);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("The token has expired.", (await front.GetAsync("/who", token)).Detail);
    }

    // AddAuthentication() would bring it, and with it a folder of keys in the user's home at each first start.
    [Fact]
    public async Task Data_protection_is_not_brought_along()
    {
        await using var front = await TestFront.StartAsync("Development");
        Assert.Equal("alice", (await front.GetAsync("/who?user=alice")).Body);
        Assert.DoesNotContain(front.Log.Lines, line => line.Contains("DataProtection"));
    }

    [Fact]
    public async Task The_older_pem_form_of_an_rsa_key_is_read_too()
    {
        using var rsa = RSA.Create(2048);
        var settings = With("Keys:1:PublicKey", rsa.ExportRSAPublicKeyPem());
        await using var front = await TestFront.StartAsync(settings: settings);
        Assert.Contains(front.Log.Lines, line => line.Contains("Tokens are verified with: hs HS256, rs RS256"));
    }
}
