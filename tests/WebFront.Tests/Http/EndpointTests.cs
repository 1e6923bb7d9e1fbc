using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Realtime.Server;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Http;

/// <summary>Who may use which endpoint.</summary>
[Collection(ClusterCollection.Name)]
public sealed partial class EndpointTests(Cluster cluster)
{
    private static (string, string)[] Trusting(Issuer issuer, params (string, string)[] more) =>
        [.. Security.TestFront.Trusting(issuer).Where(setting => setting.Value is not null).Select(setting => (setting.Key, setting.Value!)), .. more];

    private static IEnumerable<RouteEndpoint> EndpointsOf(Front front) =>
        front.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).Cast<RouteEndpoint>();

    [Theory]
    [InlineData("Development")]
    [InlineData("Production")]
    public async Task Every_endpoint_says_who_may_use_it(string environment)
    {
        await using var front = await cluster.StartFront(environment, FrontRole.MapFront, Trusting(Issuer.Hs256(), ("Front:Pages", "true"), ("Front:Console", "true"), ("Front:OpenApi", "true")));
        var endpoints = EndpointsOf(front).ToList();
        Assert.All(endpoints, endpoint => Assert.True(
            endpoint.Metadata.GetMetadata<IAuthorizeData>() is { Policy.Length: > 0 } ^ endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null,
            $"{endpoint.DisplayName} names no policy, or one and that anybody may use it"));

        string[] open = [.. endpoints.Where(endpoint => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null)
            .Select(endpoint => endpoint.RoutePattern.RawText!).Where(path => !path.Contains('.') && path != "/").Order(StringComparer.Ordinal)];
        Assert.Equal(environment == "Development" ? ["/console", "/health/live", "/health/ready", "/ws/echo", "/{**rest}"] : ["/console", "/health/live", "/health/ready", "/{**rest}"], open);
    }

    [Fact]
    public async Task Outside_development_there_are_no_pages_and_the_rest_asks_who_it_is()
    {
        var issuer = Issuer.Hs256();
        await using var front = await cluster.StartFront("Production", FrontRole.MapFront, Trusting(issuer));
        foreach (var path in new[] { "/", "/toolbox.html", "/realtime.js", "/chat/chat.js", "/ws/echo", "/openapi/v1.json", "/console", "/console/console.js", "/shared/base.css" })
            Assert.Equal((404, "not_found"), await Ask(path));
        foreach (var path in new[] { "/metrics", "/api/cluster", "/api/rooms/%2E%2E", "/api/nothing", "/ws" })
            Assert.Equal((401, "unauthorized"), await Ask(path));
        foreach (var path in new[] { "/health/live", "/health/ready" })
            Assert.Equal(HttpStatusCode.OK, (await front.Http.GetAsync(path)).StatusCode);

        front.Http.DefaultRequestHeaders.Authorization = new("Bearer", issuer.Token(TimeProvider.System));
        Assert.Equal(HttpStatusCode.Forbidden, (await front.Http.GetAsync("/metrics")).StatusCode);
        front.Http.DefaultRequestHeaders.Authorization = new("Bearer", issuer.Token(TimeProvider.System, ("scope", "realtime.read")));
        Assert.Contains("\nrealtime_connection_active{", await front.Http.GetStringAsync("/metrics"));

        async Task<(int, string)> Ask(string path)
        {
            var answer = await RawHttp.Send(front.Address, "GET", path);
            return (answer.Status, answer.Code);
        }
    }

    [Fact]
    public async Task By_opt_in_they_are_there_and_the_echo_asks_who_it_is()
    {
        await using var front = await cluster.StartFront("Production", FrontRole.MapFront, Trusting(Issuer.Hs256(), ("Front:Pages", "true"), ("Front:OpenApi", "true")));
        Assert.Contains("<title>Realtime chat</title>", await front.Http.GetStringAsync("/"));
        Assert.Equal(401, (await RawHttp.Send(front.Address, "GET", "/ws/echo")).Status);
        Assert.Equal(401, (await RawHttp.Send(front.Address, "GET", "/openapi/v1.json")).Status);
    }

    [Theory]
    [InlineData("/console", true, false)]
    [InlineData("/console", true, true)]
    [InlineData("/deep/console", false, false)]
    [InlineData("/deep/console", false, true)]
    public async Task The_console_is_there_with_the_other_pages_and_without(string path, bool isServer, bool withPages)
    {
        await using var front = await cluster.StartFront("Production", app =>
        {
            if (isServer)
            {
                app.MapFront();
                return;
            }
            app.MapRealtime("/deep");
            app.MapRealtimeConsole("/deep");
            if (withPages)
                app.MapRealtimePages("/deep");
        }, Trusting(Issuer.Hs256(), ("Front:Console", "true"), ("Front:Pages", $"{withPages}")));
        var page = await front.Http.GetStringAsync(path);
        Assert.Contains("<title>Console", page, StringComparison.Ordinal);
        var files = FileOfPage().Matches(page).Select(match => match.Groups[1].Value).ToArray();
        Assert.True(files.Length > 8);
        foreach (var file in files)
            Assert.Equal((file, HttpStatusCode.OK), (file, (await front.Http.GetAsync(new Uri(new Uri(front.Address, path), file))).StatusCode));
        using var answer = await front.Http.GetAsync(path + "/");
        Assert.Equal(path, answer.RequestMessage!.RequestUri!.AbsolutePath);
        Assert.Equal(401, (await RawHttp.Send(front.Address, "GET", $"{path[..^"/console".Length]}/api/fronts")).Status);
        Assert.Equal(withPages ? 200 : 404, (await RawHttp.Send(front.Address, "GET", $"{path[..^"/console".Length]}/toolbox.html")).Status);
    }

    [GeneratedRegex("(?:href|src)=\"([^\"#]+)\"")]
    private static partial Regex FileOfPage();

    [Fact]
    public async Task Pages_are_asked_for_again_and_mostly_unchanged()
    {
        await using var front = await cluster.StartFront();
        foreach (var (path, type) in new[] { ("/", "text/html"), ("/toolbox.html", "text/html"), ("/realtime.js", "text/javascript"), ("/chat/chat.css", "text/css"), ("/favicon.svg", "image/svg+xml") })
        {
            using var page = await front.Http.GetAsync(path);
            Assert.Equal((HttpStatusCode.OK, type, true), (page.StatusCode, page.Content.Headers.ContentType?.MediaType, page.Headers.CacheControl?.NoCache));
            using var again = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { IfNoneMatch = { page.Headers.ETag! } } };
            Assert.Equal(HttpStatusCode.NotModified, (await front.Http.SendAsync(again)).StatusCode);
        }
    }
}
