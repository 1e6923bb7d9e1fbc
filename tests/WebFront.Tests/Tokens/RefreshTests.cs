using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Claims;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Realtime.WebFront.Security;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Tokens;

/// <summary>The frame <c>refresh</c>: a new token on a connection that stays.</summary>
[Collection(ClusterCollection.Name)]
public sealed class RefreshTests(Cluster cluster)
{
    private readonly string _user = $"user-{Guid.NewGuid():N}";

    private static JsonObject Refresh(string token) => new() { ["type"] = "refresh", ["token"] = token };

    private static void AssertRefused(JsonObject answer, string code, string content) =>
        Assert.Equal(("error", code, content), ((string?)answer["type"], (string?)answer["code"], (string?)answer["content"]));

    [Fact]
    public async Task A_new_token_moves_the_end_of_the_connection()
    {
        await using var front = await TokenFront.Start(cluster);
        await using var client = await front.Connect(front.Token(_user, 600));
        await client.Join($"room {_user}");
        var next = DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 3600;

        var answer = await client.Ask(Refresh(front.Token(_user, 0, ("exp", next))));
        Assert.Equal(("refreshed", next * 1000), ((string?)answer["type"], (long?)answer["expires"]));
        Assert.Equal(3, answer.Count);

        front.Clock.Advance(TimeSpan.FromSeconds(1200));
        Assert.Empty(await client.Drain()); // the first token is over, the connection and its rooms go on
        Assert.Equal("ack", (string?)(await client.Ask(new() { ["type"] = "message", ["room"] = $"room {_user}", ["content"] = "hi" }, _ => { }))["type"]);
        front.Clock.Advance(TimeSpan.FromSeconds(3600));
        while (await client.ReceiveRaw() is not null) { }
        Assert.Equal((4003, "the token has expired"), ((int)client.CloseStatus!, client.CloseReason));
    }

    [Fact]
    public async Task A_shorter_token_ends_the_connection_earlier()
    {
        await using var front = await TokenFront.Start(cluster);
        await using var client = await front.Connect(front.Token(_user, 3600));
        Assert.Equal("refreshed", (string?)(await client.Ask(Refresh(front.Token(_user, 600))))["type"]);
        front.Clock.Advance(TimeSpan.FromSeconds(700));
        Assert.Null(await client.ReceiveRaw());
        Assert.Equal(4003, (int)client.CloseStatus!);
    }

    [Fact]
    public async Task However_often_it_is_renewed_a_connection_has_one_place_in_the_order_until_it_closes()
    {
        await using var front = await TokenFront.Start(cluster);
        var client = await front.Connect(front.Token(_user));
        for (var i = 0; i < 8; i++) // within the limit of refreshes
            Assert.Equal("refreshed", (string?)(await client.Ask(Refresh(front.Token(_user, 3600 + i))))["type"]);
        Assert.Equal(1, front.Expiry.Count);
        await client.Close();
        await client.DisposeAsync();
        await front.Front.Stop(); // which ends with the last connection
        Assert.Equal(0, front.Expiry.Count);
    }

    [Fact]
    public async Task What_the_handshake_refuses_the_refresh_refuses_in_the_same_words_and_the_old_token_goes_on()
    {
        await using var front = await TokenFront.Start(cluster);
        await using var client = await front.Connect(front.Token(_user, 600));
        foreach (var (token, why) in new[]
        {
            (front.Token(_user, -3600), "The token has expired."),
            (front.Token(_user, 3600, ("aud", "another")), "The token is for another audience (aud)."),
            (front.Token(_user, 3600, ("iss", "https://other.example")), "The token is from another issuer (iss)."),
            (Issuer.Es256().Token(TimeProvider.System, ("sub", _user)), "The token's signature is wrong."),
            ("nonsense", "The token is not a signed JWT: it must have three parts with dots between them."),
            (new string('a', 20_000), "The token is longer than 8192 characters."),
            (front.Token($"{_user}-2"), "The token is of another user (sub)."),
        })
        {
            AssertRefused(await client.Ask(Refresh(token)), "token_invalid", why);
        }
        AssertRefused(await client.Ask(Refresh("")), "bad_request", "'token' is missing; it must be a new token of the same user.");
        front.Clock.Advance(TimeSpan.FromSeconds(500));
        Assert.Empty(await client.Drain());
        front.Clock.Advance(TimeSpan.FromSeconds(200));
        Assert.Null(await client.ReceiveRaw());
        Assert.Equal(4003, (int)client.CloseStatus!);
    }

    [Fact]
    public async Task Another_of_the_trusted_issuers_is_another_issuer()
    {
        var issuer = Issuer.Es256();
        var trusting = TestFront.Trusting(issuer);
        trusting[$"{BearerOptions.Section}:ValidIssuers:0"] = "https://second.example";
        await using var front = await TokenFront.Start(cluster, null, trusting, issuer);
        await using var client = await front.Connect(front.Token(_user));
        AssertRefused(await client.Ask(Refresh(front.Token(_user, 3600, ("iss", "https://second.example")))), "token_invalid", "The token is from another issuer (iss).");
        Assert.Equal("refreshed", (string?)(await client.Ask(Refresh(front.Token(_user))))["type"]);
    }

    [Fact]
    public async Task What_the_new_token_no_longer_allows_ends_before_the_answer()
    {
        await using var front = await TokenFront.Start(cluster, settings: [("Rooms:Open", "false"), ("Rooms:Capabilities", "true")]);
        var (stays, goes) = ($"stays-{_user}", $"goes-{_user}");
        await using var client = await front.Connect(Token(stays, goes));
        await client.Join(stays);
        await client.Join(goes);
        var before = new List<JsonObject>();
        Assert.Equal("refreshed", (string?)(await client.Ask(Refresh(Token(stays)), before.Add))["type"]);
        Assert.Equal(("left", goes, "server"), Assert.Single(before) is var left ? ((string?)left["type"], (string?)left["room"], (string?)left["by"]) : default);
        Assert.Equal("not_joined", (string?)(await client.Refused(new JsonObject { ["type"] = "message", ["room"] = goes, ["content"] = "x" }.ToJsonString()))["code"]);
        Assert.Equal("forbidden", (string?)(await client.Refused(new JsonObject { ["type"] = "join", ["room"] = goes }.ToJsonString()))["code"]);
        Assert.Equal("refreshed", (string?)(await client.Ask(Refresh(Token(stays, goes))))["type"]);
        await client.Join(goes);

        string Token(params string[] rooms) =>
            front.Token(_user, 3600, ("rooms", new JsonObject(rooms.Select(room => KeyValuePair.Create(room, (JsonNode?)new JsonArray("join", "publish"))))));
    }

    [Fact]
    public async Task One_refresh_at_a_time()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var front = await TokenFront.Start(cluster, builder => builder.Services.AddTransient<IClaimsTransformation>(_ => new Slow(began, gate.Task)));
        gate.SetResult(); // the handshake passes
        await using var client = await front.Connect(front.Token(_user));
        gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        began = new(TaskCreationOptions.RunContinuationsAsynchronously);

        await client.Send(new JsonObject { ["type"] = "refresh", ["id"] = "first", ["token"] = front.Token(_user) }.ToJsonString());
        await began.Task.WaitAsync(TestClient.Bound);
        for (var i = 0; i < 3; i++)
            AssertRefused(await client.Ask(Refresh(front.Token(_user))), "bad_request", "A refresh of this connection is under way; wait for its answer.");
        gate.SetResult();
        Assert.Equal(("refreshed", "first"), await client.Receive() is var answer ? ((string?)answer["type"], (string?)answer["id"]) : default);
        Assert.Equal("refreshed", (string?)(await client.Ask(Refresh(front.Token(_user))))["type"]);
    }

    [Fact]
    public async Task Who_came_without_a_token_of_ours_has_none_to_renew()
    {
        await using var front = await TokenFront.Start(cluster);
        await using var alice = await front.Front.Connect(_user); // ?user=, in Development
        const string notOurs = "This connection did not come with a token of the scheme Bearer, and only such a one can be renewed; connect again instead.";
        AssertRefused(await alice.Ask(Refresh(front.Token(_user))), "bad_request", notOurs);

        await using var own = await TokenFront.Start(cluster, builder => builder.Services.AddAuthentication("Mine").AddJwtBearer("Mine", options =>
        {
            options.MapInboundClaims = false;
            options.TokenValidationParameters = new()
            {
                ValidIssuer = Issuer.Name,
                ValidAudience = Issuer.Audience,
                NameClaimType = "sub",
                SignatureValidator = (token, _) => new JsonWebToken(token),
            };
        }));
        await using var client = await own.Connect(own.Token(_user));
        AssertRefused(await client.Ask(Refresh(own.Token(_user))), "bad_request", notOurs);
    }

    [Fact]
    public async Task A_token_is_in_no_log_and_no_answer_whichever_way_it_came_and_whatever_the_levels_are()
    {
        var log = new LogCapture();
        var issuer = Issuer.Es256();
        var secrets = new List<string>();
        await using (var front = await TokenFront.Start(cluster, builder => builder.Logging.AddProvider(log), null, issuer,
            ("Logging:LogLevel:Default", "Trace"), ("Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics", "Trace"),
            ("Logging:Capture:LogLevel:Default", "Trace"), ("Logging:Capture:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics", "Trace"),
            ("Logging:Capture:LogLevel:Microsoft.AspNetCore.Server.Kestrel.BadRequests", "Trace")))
        {
            string New(int seconds = 3600)
            {
                var token = front.Token(_user, seconds);
                secrets.AddRange(token.Split('.')[1..]);
                return token;
            }
            var address = new Uri($"ws://{front.Front.Address.Authority}/ws");
            foreach (var seconds in new[] { 3600, -3600 })
            {
                var (query, header, offered) = (New(seconds), New(seconds), New(seconds));
                await Try(new Uri($"{address}?access_token={query}"), _ => { });
                await Try(new Uri($"{address}?%61ccess_token={New(seconds)}&x=1"), _ => { });
                await Try(address, options => options.SetRequestHeader("Authorization", $"Bearer {header}"));
                await Try(address, options => Offer(options, offered));
                using var response = await front.Front.Http.GetAsync($"/api/rooms?access_token={New(seconds)}", TestContext.Current.CancellationToken);
                using var raw = new TcpClient();
                await raw.ConnectAsync(IPAddress.Loopback, address.Port);
                await raw.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET /ws?access_token={New(seconds)} HTTP/1.1 x\r\nHost: localhost\r\nAuth orization: Bearer {New(seconds)}\r\n\r\n"));
                Assert.NotEqual(0, await raw.GetStream().ReadAsync(new byte[1024]).AsTask().WaitAsync(TestClient.Bound));
            }
            await using var client = await front.Connect(New());
            Assert.Equal("refreshed", (string?)(await client.Ask(Refresh(New())))["type"]);
            Assert.Equal("error", (string?)(await client.Ask(Refresh(New(-3600))))["type"]);
        }

        Assert.Contains(log.Lines, line => line.Contains("Realtime.WebFront", StringComparison.Ordinal));
        Assert.Contains(log.Lines, line => line.StartsWith("Trace", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, line => secrets.Any(line.Contains));

        async Task Try(Uri to, Action<ClientWebSocketOptions> configure)
        {
            try
            {
                await using var client = await TestClient.Connect(to, configure);
                await client.Drain();
            }
            catch (WebSocketException)
            {
                // the expired ones
            }
        }
    }

    private static void Offer(ClientWebSocketOptions options, string token)
    {
        options.AddSubProtocol("realtime.json.v1");
        options.AddSubProtocol($"realtime.bearer.{token}");
    }

    [Fact]
    public async Task A_token_comes_as_a_subprotocol_that_is_not_sent_back()
    {
        await using var front = await TokenFront.Start(cluster);
        var address = new Uri($"ws://{front.Front.Address.Authority}/ws");
        await using var client = await TestClient.Connect(address, options => Offer(options, front.Token(_user)));
        Assert.Equal("realtime.json.v1", client.Subprotocol);
        Assert.Equal("refreshed", (string?)(await client.Ask(Refresh(front.Token(_user))))["type"]);
    }

    /// <summary>Waits at what is the newest of a test's gates.</summary>
    private sealed class Slow(TaskCompletionSource began, Task gate) : IClaimsTransformation
    {
        public async Task<ClaimsPrincipal> TransformAsync(ClaimsPrincipal principal)
        {
            began.TrySetResult();
            await gate;
            return principal;
        }
    }
}
