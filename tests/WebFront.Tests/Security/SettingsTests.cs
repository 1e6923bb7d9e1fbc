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
        settings[$"Authentication:Schemes:Bearer:{name}"] = value;
        return settings;
    }

    [Theory, InlineData("Production"), InlineData("Staging")]
    public async Task Outside_development_a_key_is_required(string environment)
    {
        Assert.Equal(
            "Authentication:Schemes:Bearer has no keys, neither SigningKeys nor PublicKeys, JwksFile, JwksUrl, Authority or MetadataAddress: no client could "
            + $"prove who it is. In the environment '{environment}' give at least one, or make another authentication scheme the default.",
            await FailureAsync([], environment));
    }

    public static TheoryData<string, string?, string> WrongSettings
    {
        get
        {
            var ec384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
            return new()
            {
                { "ValidIssuer", "", "Authentication:Schemes:Bearer:ValidIssuer is ''; with keys it must be set to the exact 'iss' of the tokens." },
                { "ValidAudience", " ", "Authentication:Schemes:Bearer:ValidAudience is ' '; with keys it must be set to a value that the tokens have in 'aud'." },
                { "ClockSkew", "00:05:01", "Authentication:Schemes:Bearer:ClockSkew is 00:05:01; it must be from 00:00:00 to 00:05:00." },
                { "ClockSkew", "-00:00:01", "Authentication:Schemes:Bearer:ClockSkew is -00:00:01; it must be from 00:00:00 to 00:05:00." },
                { "PublicKeys:1:Id", "hs", "Authentication:Schemes:Bearer:PublicKeys:0:Id is 'hs' again; each key needs an id of its own." },
                { "SigningKeys:0:Value", null, "Authentication:Schemes:Bearer:SigningKeys:0:Value cannot be used: it must be base64 with padding, as 'openssl rand -base64 32' writes it (RFC 4648 section 4)." },
                { "SigningKeys:0:Value", "AAAA", "Authentication:Schemes:Bearer:SigningKeys:0:Value cannot be used: the secret has 3 bytes; HS256 needs at least 32 (RFC 7518 section 3.2)." },
                { "SigningKeys:0:Value", "my-secret", "Authentication:Schemes:Bearer:SigningKeys:0:Value cannot be used: it must be base64 with padding, as 'openssl rand -base64 32' writes it (RFC 4648 section 4)." },
                { "SigningKeys:0:Value", Issuer.Rs256().Pem, "Authentication:Schemes:Bearer:SigningKeys:0:Value cannot be used: it is a PEM text; a public key belongs to PublicKeys." },
                { "SigningKeys:0:Value", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Issuer.Rs256().Pem!)),
                    "Authentication:Schemes:Bearer:SigningKeys:0:Value cannot be used: the secret is a PEM text; a key pair belongs to RS256 or ES256." },
                { "PublicKeys:1:Value", "x", "Authentication:Schemes:Bearer:PublicKeys:0:Value cannot be used: the public key is not PEM; it must start with '-----BEGIN PUBLIC KEY-----'." },
                { "PublicKeys:1:Value", RSA.Create(2048).ExportPkcs8PrivateKeyPem(),
                    "Authentication:Schemes:Bearer:PublicKeys:0:Value cannot be used: the PEM holds a private key; give the public key only, the private one stays with the issuer." },
                { "PublicKeys:1:Value", RSA.Create(1024).ExportSubjectPublicKeyInfoPem(),
                    "Authentication:Schemes:Bearer:PublicKeys:0:Value cannot be used: the RSA key has 1024 bits; RS256 needs 2048 to 16384 (RFC 7518 section 3.3)." },
                { "PublicKeys:1:Value", PemEncoding.WriteString("CERTIFICATE", [1, 2, 3]),
                    "Authentication:Schemes:Bearer:PublicKeys:0:Value cannot be used: the PEM holds no public key; it must start with '-----BEGIN PUBLIC KEY-----'." },
                { "PublicKeys:1:Value", PemEncoding.WriteString("PUBLIC KEY", [1, 2, 3]),
                    "Authentication:Schemes:Bearer:PublicKeys:0:Value cannot be used: the PEM holds no public key for RS256 or ES256." },
                { "PublicKeys:1:Value", ec384.ExportSubjectPublicKeyInfoPem(),
                    "Authentication:Schemes:Bearer:PublicKeys:0:Value cannot be used: the EC key is on another curve; ES256 needs P-256 (RFC 7518 section 3.4)." },
                { "JwksUrl", "keys", "Authentication:Schemes:Bearer:JwksUrl is 'keys'; it must be an address that starts with https://." },
                { "Authority", "http://127.0.0.1", "Authentication:Schemes:Bearer:Authority is 'http://127.0.0.1'; it must be an address that starts with https://." },
            };
        }
    }

    [Theory, MemberData(nameof(WrongSettings))]
    public async Task A_wrong_setting_is_named_with_what_is_allowed(string name, string? value, string failure)
    {
        var settings = With(name, value);
        Assert.Equal(failure, await FailureAsync(settings));
        Assert.Equal(failure, await FailureAsync(settings, "Development"));
    }

    [Theory]
    [InlineData("ClockSkew", "soon", "Authentication:Schemes:Bearer:ClockSkew is 'soon'; it must be a time as hh:mm:ss or d.hh:mm:ss from 00:00:00 to 00:05:00.")]
    [InlineData("ValidIsuer", "x", "Authentication:Schemes:Bearer:ValidIsuer is no setting (its value is 'x'); did you mean ValidIssuer?")]
    [InlineData("ValidateIssuer", "false", "Authentication:Schemes:Bearer:ValidateIssuer is no setting")]
    [InlineData("SigningKeys:0:Kid", "x", "Authentication:Schemes:Bearer:SigningKeys:0:Kid is no setting")]
    public async Task A_setting_that_cannot_be_read_is_named_with_those_that_can(string name, string value, string told) =>
        Assert.Contains(told, await FailureAsync(With(name, value)));

    [Fact]
    public async Task All_that_is_wrong_is_told_at_once_and_no_secret_with_it()
    {
        var settings = With("SigningKeys:0:Value", "c2VjcmV0");
        settings["Authentication:Schemes:Bearer:ValidIssuer"] = null;
        settings["Authentication:Schemes:Bearer:ClockSkew"] = "1.00:00:00";

        var failure = await FailureAsync(settings);
        Assert.Contains("ValidIssuer is ''", failure);
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
        settings["Authentication:Schemes:Bearer:ClockSkew"] = skew;
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
        var settings = With("PublicKeys:1:Value", rsa.ExportRSAPublicKeyPem());
        await using var front = await TestFront.StartAsync(settings: settings);
        Assert.Contains(front.Log.Lines, line => line.Contains("Tokens are verified with: hs HS256, rs RS256"));
    }

    [Theory, InlineData("Production"), InlineData("Development")]
    public async Task The_old_section_is_told_its_new_name_in_one_line(string environment)
    {
        var settings = TestFront.Trusting(Issuer.Hs256());
        settings["Authentication:Bearer:Issuer"] = Issuer.Name;
        settings["Authentication:Bearer:Keys:0:Secret"] = "c2VjcmV0";

        var failure = await FailureAsync(settings, environment);
        Assert.StartsWith("Authentication:Bearer is Authentication:Schemes:Bearer now", failure);
        Assert.DoesNotContain('\n', failure);
        Assert.DoesNotContain("c2VjcmV0", failure);
    }

    // What the tool writes: the issuer and audiences into the settings of Development, the keys into the user's secrets. Its tokens
    // have no kid, and each issuer has a key of its own.
    [Fact]
    public async Task What_dotnet_user_jwts_writes_is_enough()
    {
        var (tool, other) = (Issuer.Hs256("4a2d3b5c"), Issuer.Hs256("5a2d3b5c"));
        await using var front = await TestFront.StartAsync("Development", new()
        {
            ["Authentication:Schemes:Bearer:ValidIssuer"] = "dotnet-user-jwts",
            ["Authentication:Schemes:Bearer:ValidAudiences:0"] = "http://localhost:5080",
            ["Authentication:Schemes:Bearer:ValidAudiences:1"] = "https://localhost:5081",
            ["Authentication:Schemes:Bearer:SigningKeys:0:Id"] = tool.KeyId,
            ["Authentication:Schemes:Bearer:SigningKeys:0:Issuer"] = "dotnet-user-jwts",
            ["Authentication:Schemes:Bearer:SigningKeys:0:Value"] = tool.Secret,
            ["Authentication:Schemes:Bearer:SigningKeys:0:Length"] = "32",
            ["Authentication:Schemes:Bearer:SigningKeys:1:Id"] = other.KeyId,
            ["Authentication:Schemes:Bearer:SigningKeys:1:Issuer"] = "another",
            ["Authentication:Schemes:Bearer:SigningKeys:1:Value"] = other.Secret,
        });
        var payload = Issuer.Claims(TimeProvider.System, ("iss", "dotnet-user-jwts"), ("aud", "https://localhost:5081"), ("unique_name", "alice")).ToJsonString();
        const string header = """{"alg":"HS256","typ":"JWT"}""";

        Assert.Equal("alice", (await front.GetAsync("/who", tool.Sign(payload, header))).Body);
        Assert.Equal("The token's signature is wrong.", (await front.GetAsync("/who", other.Sign(payload, header))).Detail);
        Assert.Equal("The token's key belongs to another issuer.", (await front.GetAsync("/who", other.Sign(payload))).Detail);
    }
}
