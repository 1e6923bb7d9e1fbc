using System.Net;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tests.Security;

/// <summary>A user's own schemes and policies take the place of ours, whoever registers first.</summary>
public class ReplacementTests
{
    private static Task<TestFront> StartAsync(bool before, Action<IServiceCollection> own) =>
        TestFront.StartAsync(before: before ? own : null, after: before ? null : own);

    [Theory, InlineData(true), InlineData(false)]
    public async Task An_own_default_scheme_needs_no_keys(bool before)
    {
        await using var front = await StartAsync(before, services =>
            services.AddAuthentication("Own").AddScheme<AuthenticationSchemeOptions, OwnHandler>("Own", null));

        Assert.Equal("dave", (await front.GetAsync("/who", null, ("Own", "dave"))).Body);
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.GetAsync("/who")).Status);
        Assert.Equal("dave", (await front.GetAsync("/api/thing", null, ("Own", "dave"), ("Own-Scope", "realtime.publish"))).Body);
        Assert.Equal(HttpStatusCode.Forbidden, (await front.GetAsync("/api/thing", null, ("Own", "dave"))).Status);
    }

    // As AddJwtBearer() does, whose scheme has this name.
    [Theory, InlineData(true), InlineData(false)]
    public async Task An_own_scheme_called_Bearer_takes_the_place_of_ours(bool before)
    {
        await using var front = await StartAsync(before, services =>
            services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, OwnHandler>(RealtimeSchemes.Bearer, null));

        Assert.Equal("dave", (await front.GetAsync("/who", null, ("Own", "dave"))).Body);
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.GetAsync("/who")).Status);
    }

    // AddJwtBearer reads the section of each scheme, ours too, and is more lenient.
    [Theory, InlineData(true), InlineData(false)]
    public async Task A_jwt_scheme_beside_ours_leaves_our_rules_as_they_are(bool before)
    {
        var (issuer, own) = (Issuer.Hs256(), Issuer.Hs256("own"));
        void Own(IServiceCollection services) => services.AddAuthentication().AddJwtBearer("Own", options => options.TokenValidationParameters = new()
        {
            ValidIssuer = Issuer.Name,
            ValidAudience = Issuer.Audience,
            IssuerSigningKey = new Microsoft.IdentityModel.Tokens.SymmetricSecurityKey(Convert.FromBase64String(own.Secret!)) { KeyId = own.KeyId },
        });
        await using var front = await TestFront.StartAsync(settings: TestFront.Trusting(issuer), before: before ? Own : null, after: before ? null : Own);

        Assert.Equal("alice", (await front.GetAsync("/who", issuer.Token(TimeProvider.System))).Body);
        Assert.Equal("The token's key id is unknown.", (await front.GetAsync("/who", own.Token(TimeProvider.System))).Detail);
        Assert.Equal("The token's type (typ) must be JWT or at+jwt.",
            (await front.GetAsync("/who", issuer.Sign(Issuer.Claims(TimeProvider.System).ToJsonString(), """{"alg":"HS256","typ":"logout+jwt"}"""))).Detail);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task An_own_jwt_scheme_called_Bearer_keeps_its_options(bool before)
    {
        var own = Issuer.Hs256("own");
        await using var front = await StartAsync(before, services => services.AddAuthentication().AddJwtBearer(options =>
        {
            options.MapInboundClaims = false;
            options.TokenValidationParameters = new()
            {
                ValidIssuer = Issuer.Name,
                ValidAudience = Issuer.Audience,
                NameClaimType = "sub",
                IssuerSigningKey = new Microsoft.IdentityModel.Tokens.SymmetricSecurityKey(Convert.FromBase64String(own.Secret!)) { KeyId = own.KeyId },
            };
        }));

        Assert.Equal("alice", (await front.GetAsync("/who", own.Token(TimeProvider.System))).Body);
        Assert.Equal("alice", (await front.GetAsync("/who", own.Sign(Issuer.Claims(TimeProvider.System).ToJsonString(), """{"alg":"HS256","typ":"other+jwt"}"""))).Body);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task An_own_policy_takes_the_place_of_ours(bool before)
    {
        var issuer = Issuer.Hs256();
        void Own(IServiceCollection services) =>
            services.AddAuthorization(options => options.AddPolicy(RealtimePolicies.Publish, policy => policy.RequireUserName("alice")));
        await using var front = await TestFront.StartAsync(settings: TestFront.Trusting(issuer), before: before ? Own : null, after: before ? null : Own);

        Assert.Equal("alice", (await front.GetAsync("/api/thing", issuer.Token(TimeProvider.System))).Body);
        Assert.Equal(HttpStatusCode.Forbidden, (await front.GetAsync("/api/thing", issuer.Token(TimeProvider.System, ("sub", "bob")))).Status);
    }

    [Fact]
    public async Task The_former_policy_of_the_api_is_told_its_new_names()
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => TestFront.StartAsync(settings: TestFront.Trusting(Issuer.Hs256()),
            after: services => services.AddAuthorization(options => options.AddPolicy("RealtimeApi", policy => policy.RequireUserName("alice")))));
        Assert.Equal("The authorization policy RealtimeApi is asked by nothing any more; define RealtimePublish, RealtimeRead and RealtimeAdmin in its place.", Assert.Single(error.Failures));
    }

    [Fact]
    public async Task A_client_needs_a_name_whatever_the_scheme()
    {
        await using var front = await StartAsync(false, services =>
            services.AddAuthentication("Own").AddScheme<AuthenticationSchemeOptions, OwnHandler>("Own", null));

        Assert.Equal(HttpStatusCode.Forbidden, (await front.GetAsync("/who", null, ("Own", new string('x', 129)))).Status);
        Assert.Equal(HttpStatusCode.OK, (await front.GetAsync("/who", null, ("Own", new string('x', 128)))).Status);
    }

    private sealed class OwnHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            if (Request.Headers["Own"] is not [{ } name])
                return Task.FromResult(AuthenticateResult.NoResult());
            var identity = new ClaimsIdentity([new Claim(ClaimTypes.Name, name), new Claim("scope", Request.Headers["Own-Scope"].ToString())], "Own");
            return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name)));
        }
    }
}
