using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Realtime.WebFront.Tests.Http;

/// <summary>An application that is a front too: its other endpoints are as they were.</summary>
[Collection(ClusterCollection.Name)]
public sealed class HostTests(Cluster cluster)
{
    public sealed record Order(string? Name, int? Count);

    // With and without a front, the same requests get the same answers.
    [Fact]
    public async Task Other_endpoints_answer_as_without_a_front()
    {
        await using var front = await Front.Start(cluster.Client, null, [], Environments.Production, app =>
        {
            app.MapRealtime("/rt");
            Map(app);
        }, Build);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = Environments.Production });
        builder.WebHost.UseSetting("urls", "http://127.0.0.1:0");
        builder.Logging.SetMinimumLevel(LogLevel.None);
        Build(builder);
        await using var alone = builder.Build();
        Map(alone);
        await alone.StartAsync();

        (string Method, string Target, string? Body, string[] Headers)[] requests =
        [
            ("POST", "/orders", """{"name":"a","unknown":1,"count":null}""", []),
            ("POST", "/orders", """{"name":7}""", []),
            ("POST", "/orders", "{", []),
            ("POST", "/orders", "x", ["Content-Type: text/plain"]),
            ("GET", "/orders/x", null, []),
            ("GET", "/orders/7?page=x", null, []),
            ("DELETE", "/orders", null, []),
            ("POST", "/api/orders", "{}", []),
            ("GET", "/api/nothing", null, []),
            ("GET", "/nothing", null, []),
            ("GET", "/fails", null, []),
            ("GET", "/problem", null, []),
            ("GET", "/who", null, []),
            ("GET", "/who", null, ["Own: dave"]),
            ("GET", "/healthz", null, []),
            ("GET", "/", null, []),
        ];
        foreach (var (method, target, body, headers) in requests)
        {
            var expected = await RawHttp.Send(new Uri(alone.Urls.First()), method, target, body, headers);
            var actual = await RawHttp.Send(front.Address, method, target, body, headers);
            Assert.Equal((target, expected.Status, expected.Body), (target, actual.Status, actual.Body));
            Assert.Equal(expected.Headers.Keys.Order(), actual.Headers.Keys.Order());
            Assert.Equal(expected.Headers.GetValueOrDefault("content-type"), actual.Headers.GetValueOrDefault("content-type"));
        }
        Assert.Equal(200, (await RawHttp.Send(front.Address, "GET", "/rt/health/ready")).Status);
        Assert.Equal(401, (await RawHttp.Send(front.Address, "GET", "/rt/api/cluster", null, "Own: dave")).Status);
    }

    [Fact]
    public async Task The_front_answers_whatever_the_host_has_set()
    {
        await using var front = await Front.Start(cluster.Client, null, [], Environments.Development, app =>
        {
            app.UseStatusCodePages();
            app.MapRealtime("/rt").RequireHost("127.0.0.1").WithMetadata(new TagsAttribute("realtime"));
        }, builder =>
        {
            builder.Services.ConfigureHttpJsonOptions(options => options.SerializerOptions.PropertyNamingPolicy = null);
            builder.Services.AddProblemDetails(options => options.CustomizeProblemDetails = problem => problem.ProblemDetails.Extensions["own"] = true);
            builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        });
        var sent = await RawHttp.Send(front.Address, "POST", "/rt/api/rooms/r/messages", """{"content":"x"}""");
        Assert.Equal((200, true), (sent.Status, sent.Body.StartsWith("""{"room":"r","epoch":""")));
        Assert.Equal("bad_request", (await RawHttp.Send(front.Address, "POST", "/rt/api/rooms/r/messages", "{")).Code);
        Assert.Equal("not_found", (await RawHttp.Send(front.Address, "GET", "/rt/api/rooms/r/x")).Code);
        Assert.Equal("method_not_allowed", (await RawHttp.Send(front.Address, "DELETE", "/rt/api/rooms")).Code);
        var elsewhere = await RawHttp.Send(new Uri($"http://localhost:{front.Address.Port}"), "GET", "/rt/health/live");
        Assert.Equal(404, elsewhere.Status);
    }

    private static void Build(WebApplicationBuilder builder)
    {
        builder.Services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, OwnHandler>("Own", null); // the only one, so the default
        builder.Services.AddAuthorization();
        builder.Services.AddHealthChecks();
        builder.Configuration["Authentication:Schemes:Bearer:ValidIssuer"] = "i";
        builder.Configuration["Authentication:Schemes:Bearer:ValidAudience"] = "a";
        builder.Configuration["Authentication:Schemes:Bearer:SigningKeys:0:Value"] = new string('A', 43) + "=";
    }

    private static void Map(WebApplication app)
    {
        app.MapPost("/orders", (Order order) => order);
        app.MapGet("/orders/{id:int}", (int id, int page) => id + page);
        app.MapGet("/api/orders", () => "orders");
        app.MapGet("/fails", string () => throw new InvalidOperationException("no"));
        app.MapGet("/problem", () => Results.Problem("no"));
        app.MapGet("/who", (ClaimsPrincipal user) => user.Identity!.Name).RequireAuthorization();
        app.MapHealthChecks("/healthz");
    }

    private sealed class OwnHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Request.Headers["Own"] is [{ } name]
            ? AuthenticateResult.Success(new(new ClaimsPrincipal(new ClaimsIdentity([new(ClaimTypes.Name, name)], "Own")), Scheme.Name))
            : AuthenticateResult.NoResult());
    }
}
