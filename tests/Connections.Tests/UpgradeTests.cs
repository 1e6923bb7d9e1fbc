using System.Net;
using System.Net.WebSockets;
using System.Security.Claims;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

public class UpgradeTests
{
    [Theory]
    [InlineData("GET", "Upgrade: websocket|", 426, "Connection: Upgrade")]
    [InlineData("GET", "Connection: Upgrade|", 426, "Upgrade: websocket")]
    [InlineData("GET", "Connection: Upgrade|Upgrade: h2c|", 426, "Upgrade: websocket")]
    [InlineData("POST", "", 405, "GET")]
    [InlineData("GET", "Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|", 426, "Sec-WebSocket-Version must be 13")]
    [InlineData("GET", "Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 8|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|", 426, "Sec-WebSocket-Version must be 13")]
    [InlineData("GET", "Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|", 400, "Sec-WebSocket-Key")]
    [InlineData("GET", "Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: short|", 400, "Sec-WebSocket-Key")]
    [InlineData("GET", "Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE3|", 400, "Sec-WebSocket-Key")]
    public async Task A_request_that_is_no_upgrade_is_told_what_is_wrong(string method, string headers, int status, string reason)
    {
        await using var server = await Server.EchoAsync(Path.Polled);
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync(Encoding.ASCII.GetBytes($"{method} /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{headers.Replace("|", "\r\n")}\r\n"));
        string head = await client.ReadHeadAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", head);
        Assert.Contains("text/plain", head);
        if (status == 405)
            Assert.Contains("Allow: GET", head);
        if (reason.Contains("Version"))
            Assert.Contains("Sec-WebSocket-Version: 13", head);
        using var http = new HttpClient();
        if (method == "GET" && headers.StartsWith("Upgrade"))
        {
            using var response = await http.GetAsync(new Uri(server.Address, "/ws"));
            Assert.Equal(HttpStatusCode.UpgradeRequired, response.StatusCode);
            Assert.Contains("websocket", response.Headers.Upgrade.ToString());
            Assert.Contains(reason, await response.Content.ReadAsStringAsync());
        }
    }

    [Theory]
    [InlineData("HTTP/1.1", "", true)]
    [InlineData("HTTP/1.1", "Connection: keep-alive|", true)]
    [InlineData("HTTP/1.1", "Connection: Upgrade|Upgrade: websocket|", true)] // without a version
    [InlineData("HTTP/1.1", "Connection: close|", false)]
    [InlineData("HTTP/1.0", "", false)]
    [InlineData("HTTP/1.0", "Connection: keep-alive|", false)]
    public async Task An_answer_of_426_says_what_to_upgrade_to_and_whether_the_connection_stays(string version, string headers, bool stays)
    {
        await using var server = await Server.EchoAsync(Path.Polled);
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync(Encoding.ASCII.GetBytes($"GET /ws {version}\r\nHost: localhost\r\n{headers.Replace("|", "\r\n")}\r\n"));
        string head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 426 ", head);
        Assert.Contains("\r\nUpgrade: websocket\r\n", head);
        Assert.Contains($"\r\nConnection: Upgrade, {(stays ? "keep-alive" : "close")}\r\n", head);
        if (!stays)
        {
            while (await client.ReadHeadAsync() != "")
            {
                // the body, and then the end
            }
            return;
        }
        await client.ReadHeadAsync(); // the body: a chunk, and an empty one
        await client.SendAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest()));
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync());
        await client.SendTextAsync("served");
        Assert.Equal("served", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task The_answer_proves_that_the_key_was_understood()
    {
        await using var server = await Server.EchoAsync(Path.Polled);
        using var client = await server.ConnectRawAsync(); // with the key of RFC 6455 section 1.3
        Assert.Contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", client.Response);
        Assert.Contains("Upgrade: websocket\r\n", client.Response);
        Assert.Contains("Connection: Upgrade\r\n", client.Response);
    }

    [Theory]
    [InlineData("http://example.com", "example.com", true)]
    [InlineData("https://example.com", "example.com", true)] // TLS ended by a proxy
    [InlineData("http://example.com:8080", "example.com:8080", true)]
    [InlineData("http://EXAMPLE.com", "example.COM", true)]
    [InlineData("http://[::1]:5080", "[::1]:5080", true)]
    [InlineData("http://example.com:8080", "example.com", false)]
    [InlineData("http://example.com", "example.com:8080", false)]
    [InlineData("http://evil.com", "example.com", false)]
    [InlineData("http://example.com.evil.com", "example.com", false)]
    [InlineData("http://sub.example.com", "example.com", false)]
    [InlineData("http://example.com@evil.com", "example.com", false)]
    [InlineData("http://evil.com/example.com", "example.com", false)]
    [InlineData("null", "example.com", false)]
    [InlineData("nonsense", "example.com", false)]
    [InlineData("https://listed.example", "example.com", true)]
    [InlineData("https://listed.example:444", "example.com", false)]
    [InlineData("http://listed.example", "example.com", false)]
    public async Task Foreign_origins_are_refused(string origin, string host, bool allowed)
    {
        await using var server = await Server.EchoAsync(Path.Polled, options => options.AllowedOrigins.Add("https://listed.example"));
        Assert.Equal(allowed ? 101 : 403, await UpgradeAsync(server, host, $"Origin: {origin}\r\n"));
        if (!allowed)
            Assert.Equal(403, await UpgradeAsync(server, host, $"Origin: http://{host}\r\nOrigin: {origin}\r\n"));
        Assert.Equal(101, await UpgradeAsync(server, host, ""));
    }

    [Fact]
    public async Task The_origin_check_can_be_replaced_or_switched_off()
    {
        await using var any = await Server.EchoAsync(Path.Polled, options => options.AllowAnyOrigin = true);
        Assert.Equal(101, await UpgradeAsync(any, "example.com", "Origin: http://evil.com\r\n"));
        await using var own = await Server.EchoAsync(Path.Polled, options => options.CheckOrigin = context => context.Request.Headers.Origin == "http://friend.example");
        Assert.Equal(101, await UpgradeAsync(own, "example.com", "Origin: http://friend.example\r\n"));
        Assert.Equal(403, await UpgradeAsync(own, "example.com", "Origin: http://example.com\r\n"));
        Assert.Equal(403, await UpgradeAsync(own, "example.com", ""));
    }

    [Theory]
    [InlineData("b.v1", "b.v1")]
    [InlineData("a.v1, b.v1", "b.v1")] // the server's order counts
    [InlineData("x, a.v1", "a.v1")]
    [InlineData("A.V1", null)]
    [InlineData("x", null)]
    [InlineData(null, null)]
    public async Task The_server_prefers_among_the_offered_subprotocols(string? offered, string? agreed)
    {
        var recorder = new Recorder();
        await using var server = await Server.StartAsync(Path.Polled, app =>
        {
            app.MapConnections<Recorder>("/ws", options => options.Subprotocols = ["b.v1", "a.v1"]);
            app.MapConnections("/strict", Server.Echo, options =>
            {
                options.Subprotocols = ["b.v1", "a.v1"];
                options.RequireSubprotocol = true;
            });
        }, build: builder => builder.AddHandler(recorder));
        string headers = offered is null ? "" : $"Sec-WebSocket-Protocol: {offered}\r\n";
        using var client = await server.ConnectRawAsync(headers: headers);
        Assert.Equal(agreed is not null, client.Response.Contains($"Sec-WebSocket-Protocol: {agreed}\r\n"));
        Assert.Equal(agreed is null, !client.Response.Contains("Sec-WebSocket-Protocol"));
        Assert.Equal(agreed, (await recorder.ConnectionAsync()).Subprotocol);
        Assert.Equal(agreed is null ? 400 : 101, await UpgradeAsync(server, "localhost", headers, "/strict"));
    }

    [Theory, Combinatorial<Path>]
    public async Task The_connection_knows_who_came_from_where(Path path)
    {
        var recorder = new Recorder();
        await using var server = await Server.StartAsync(path, app =>
        {
            app.Use((context, next) =>
            {
                if (context.Request.Query["user"] is [{ } user])
                    context.User = new ClaimsPrincipal(new ClaimsIdentity([new("sub", user), new("role", "admin")], "Test"));
                return next(context);
            });
            app.MapConnections<Recorder>("/rooms/{room}", options => options.State = context => context.Request.RouteValues["room"]);
        }, build: builder => builder.AddHandler(recorder));

        var before = DateTimeOffset.UtcNow;
        using var alice = await server.ConnectRawAsync("/rooms/blue?user=alice");
        var connection = await recorder.ConnectionAsync();
        Assert.Equal("alice", connection.UserId);
        Assert.True(connection.User.HasClaim("role", "admin"));
        Assert.Equal("blue", connection.State);
        Assert.Equal(alice.Socket.LocalEndPoint, connection.RemoteAddress);
        Assert.InRange(connection.ConnectedAt, before, DateTimeOffset.UtcNow);
        Assert.Matches("^[A-Za-z0-9_-]{22}$", connection.Id);
        connection.Items["key"] = "value";
        Assert.Equal("value", connection.Items["key"]);
        Assert.Same(connection, Assert.Single(server.Registry.GetUser("alice")));

        using var nobody = await server.ConnectRawAsync("/rooms/green");
        var anonymous = await recorder.ConnectionAsync();
        Assert.Null(anonymous.UserId);
        Assert.False(anonymous.User.Identity!.IsAuthenticated);
        Assert.NotEqual(connection.Id, anonymous.Id);
    }

    [Fact]
    public async Task The_user_id_can_come_from_elsewhere()
    {
        var recorder = new Recorder();
        await using var server = await Server.StartAsync(Path.Polled, app => app.MapConnections<Recorder>("/ws"),
            options => options.UserId = context => context.Request.Query["id"], builder => builder.AddHandler(recorder));
        using var client = await server.ConnectRawAsync("/ws?id=seven");
        Assert.Equal("seven", (await recorder.ConnectionAsync()).UserId);
    }

    [Theory, Combinatorial<Path>]
    public async Task Headers_of_the_options_and_of_the_application_are_in_the_101(Path path)
    {
        await using var server = await Server.StartAsync(path, app =>
        {
            app.Use((context, next) =>
            {
                context.Response.Headers["X-Middleware"] = "yes";
                context.Response.Cookies.Append("session", "1");
                return next(context);
            });
            app.MapConnections("/ws", Server.Echo);
        }, options => options.ResponseHeaders["X-Options"] = "too");
        using var client = await server.ConnectRawAsync();
        Assert.Contains("X-Options: too\r\n", client.Response);
        Assert.Contains("X-Middleware: yes\r\n", client.Response);
        Assert.Contains("Set-Cookie: session=1", client.Response);
    }

    [Fact]
    public async Task A_refusal_can_be_written_by_the_application()
    {
        await using var server = await Server.EchoAsync(Path.Polled, options => options.OnUpgradeRefused = (context, refusal) =>
            context.Response.WriteAsJsonAsync(new { code = refusal.Status, why = refusal.Reason }));
        using var http = new HttpClient();
        using var response = await http.GetAsync(new Uri(server.Address, "/ws"));
        Assert.Equal(HttpStatusCode.UpgradeRequired, response.StatusCode);
        Assert.Contains("\"code\":426", await response.Content.ReadAsStringAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task An_answer_that_does_not_leave_in_time_ends_the_request(Path path)
    {
        var time = new ManualTimeProvider();
        var held = new TaskCompletionSource();
        var never = new TaskCompletionSource();
        await using var server = await Server.StartAsync(path, app =>
        {
            app.Use((context, next) =>
            {
                context.Response.OnStarting(() =>
                {
                    held.SetResult();
                    return never.Task;
                });
                return next(context);
            });
            app.MapConnections("/ws", Server.Echo);
        }, options => options.HandshakeTimeout = TimeSpan.FromSeconds(3), builder => builder.UseTime(time));
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest()));
        await held.Task.Within();
        await Waiting.Until(() => time.Running == 1);
        time.Advance(3);
        Assert.Equal("", await client.ReadHeadAsync());
        Assert.Equal(0, server.Registry.Count);
        never.SetResult();
    }

    [Fact]
    public async Task An_endpoint_of_ones_own_can_upgrade()
    {
        await using var server = await Server.StartAsync(Path.Polled, app =>
        {
            var upgrader = new Upgrader(app.Services, Server.Echo, options => options.Subprotocols = ["own"]);
            app.MapGet("/mine", async Task (HttpContext context) =>
            {
                if (!await upgrader.UpgradeAsync(context))
                    Assert.Equal(426, context.Response.StatusCode);
            });
        });
        using var client = await server.ConnectAsync("/mine", options => options.AddSubProtocol("own"));
        Assert.Equal("own", client.SubProtocol);
        Assert.Equal("hello", await client.EchoAsync("hello"));
        using var http = new HttpClient();
        Assert.Equal(HttpStatusCode.UpgradeRequired, (await http.GetAsync(new Uri(server.Address, "/mine"))).StatusCode);
    }

    [Fact]
    public async Task Two_endpoints_have_their_own_options()
    {
        await using var server = await Server.StartAsync(Path.Polled, app =>
        {
            app.MapConnections("/small", Server.Echo, options => options.MaxMessageSize = 10);
            app.MapConnections("/large", Server.Echo);
        });
        using var small = await server.ConnectAsync("/small");
        await small.SendTextAsync("more than ten bytes");
        await small.AssertClosedAsync(1009);
        using var large = await server.ConnectAsync("/large");
        Assert.Equal("more than ten bytes", await large.EchoAsync("more than ten bytes"));
    }

    [Fact]
    public async Task Authorization_of_the_endpoint_comes_before_the_upgrade()
    {
        await using var server = await Server.StartAsync(Path.Polled, app =>
        {
            app.MapConnections("/ws", Server.Echo).AddEndpointFilterOf(context => context.Request.Headers.Authorization == "Bearer ok");
        });
        Assert.Equal(401, await UpgradeAsync(server, "localhost", ""));
        Assert.Equal(101, await UpgradeAsync(server, "localhost", "Authorization: Bearer ok\r\n"));
    }

    private static async Task<int> UpgradeAsync(Server server, string host, string headers, string path = "/ws")
    {
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest(path, headers).Replace("Host: localhost", $"Host: {host}")));
        return int.Parse((await client.ReadHeadAsync()).Split(' ')[1]);
    }
}

internal static class Conventions
{
    /// <summary>As RequireAuthorization does it: the endpoint's metadata and request delegate are the convention builder's to change.</summary>
    public static void AddEndpointFilterOf(this IEndpointConventionBuilder endpoint, Func<HttpContext, bool> allowed) => endpoint.Add(builder =>
    {
        var inner = builder.RequestDelegate!;
        builder.RequestDelegate = context =>
        {
            if (allowed(context))
                return inner(context);
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return Task.CompletedTask;
        };
    });
}
