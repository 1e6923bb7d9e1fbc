using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Realtime.WebFront.Tests;

/// <summary>The HTTP API: sends from outside, descriptions, errors.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ApiTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _tag = Guid.NewGuid().ToString("N");
    private Front _one = null!;
    private Front _two = null!;

    private string Room => "room-" + _tag;

    private string Alice => "alice-" + _tag;

    public async ValueTask InitializeAsync() => (_one, _two) = (await cluster.StartFront(), await cluster.StartFront());

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    private async Task<JsonObject> Get(string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await _one.Http.GetAsync(path);
        Assert.Equal(expected, response.StatusCode);
        return (await response.Content.ReadFromJsonAsync<JsonObject>())!;
    }

    private async Task<JsonObject> Post(string path, string body, HttpStatusCode expected = HttpStatusCode.OK, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (key is not null)
            request.Headers.Add("Idempotency-Key", key);
        using var response = await _one.Http.SendAsync(request);
        Assert.Equal(expected, response.StatusCode);
        return (await response.Content.ReadFromJsonAsync<JsonObject>())!;
    }

    [Fact]
    public async Task A_post_reaches_a_room_on_the_other_front()
    {
        await using var alice = await _two.Connect(Alice);
        await alice.Join(Room);
        var sent = await Post($"/api/rooms/{Room}/messages", """{"content":"hi","data":{"n":[1,2.50]},"from":"billing"}""");
        var message = await alice.Receive("message");
        Assert.Equal(("hi", "billing", (string)sent["epoch"]!, 1L), ((string)message["content"]!, (string)message["from"]!, (string)message["epoch"]!, (long)message["seq"]!));
        Assert.Equal("""{"n":[1,2.50]}""", message["data"]!.ToJsonString());
    }

    [Fact]
    public async Task A_post_reaches_all_devices_of_a_user()
    {
        await using var phone = await _one.Connect(Alice);
        await using var laptop = await _two.Connect(Alice);
        var sent = await Post($"/api/users/{Alice}/messages", """{"content":"psst"}""");
        Assert.Equal(2, (int)sent["connections"]!);
        foreach (var device in new[] { phone, laptop })
        {
            var message = await device.Receive("message");
            Assert.Equal((Alice, "psst"), ((string?)message["to"], (string?)message["content"]));
            Assert.False(message.ContainsKey("from"));
        }
    }

    [Fact]
    public async Task An_idempotency_key_sends_once()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Join(Room);
        var first = await Post($"/api/rooms/{Room}/messages", """{"content":"x"}""", key: "k1");
        var second = await Post($"/api/rooms/{Room}/messages", """{"content":"x","id":"k1"}""");
        Assert.True(JsonNode.DeepEquals(first, second));
        var conflict = await Post($"/api/rooms/{Room}/messages", """{"content":"y","id":"k1"}""", HttpStatusCode.Conflict);
        Assert.Equal("id_conflict", (string?)conflict["code"]);
        await Post($"/api/rooms/{Room}/messages", """{"content":"y","id":"k2"}""", HttpStatusCode.BadRequest, key: "k3");
        Assert.Equal("x", (string?)(await alice.Receive("message"))["content"]);
        Assert.Empty(await alice.Drain());
    }

    [Fact]
    public async Task Rooms_users_and_connections_are_described()
    {
        await using var alice = await _one.Connect(Alice);
        await using var tab = await _two.Connect(Alice);
        await using var bob = await _two.Connect("bob-" + _tag);
        await alice.Join(Room);
        await tab.Join(Room);
        await bob.Join(Room);
        await bob.Join(Room + "-2");

        var room = await Get($"/api/rooms/{Room}");
        Assert.Equal((2, 3, 2, 0L), ((int)room["members"]!, (int)room["connections"]!, (int)room["fronts"]!, (long)room["seq"]!));

        var rooms = await Get("/api/rooms?limit=1000");
        Assert.Contains(rooms["rooms"]!.AsArray(), item => (string?)item!["room"] == Room && (int)item["members"]! == 2);
        var page = await Get($"/api/rooms?limit=1&after={Room}");
        Assert.Equal(Room + "-2", (string?)page["rooms"]![0]!["room"]);

        var members = await Get($"/api/rooms/{Room}/members?limit=1");
        Assert.Equal((2, Alice), ((int)members["total"]!, (string?)members["members"]![0]));
        members = await Get($"/api/rooms/{Room}/members?after={members["next"]}");
        Assert.Equal("bob-" + _tag, (string?)members["members"]![0]);
        Assert.False(members.ContainsKey("next"));

        var user = await Get($"/api/users/{Alice}");
        Assert.Equal(2, user["connections"]!.AsArray().Count);
        Assert.Equal([Room], user["rooms"]!.AsArray().Select(item => (string?)item));

        // Every connection is listed, whichever front is asked; with a front named, its own.
        var (one, two) = (await _one.Id(), await _two.Id());
        var connections = await Get("/api/connections?limit=1000");
        var shown = connections["connections"]!.AsArray();
        Assert.Equal((3, 3), ((int)connections["count"]!, shown.Count));
        Assert.Equal([one, two, two], shown.Select(item => (string?)item!["front"]).OrderBy(id => id == one ? 0 : 1));
        var own = await Get($"/api/connections?front={one}");
        var connection = Assert.Single(own["connections"]!.AsArray())!;
        Assert.Equal((1, Alice, one), ((int)own["count"]!, (string?)connection["user"], (string?)connection["front"]));
        Assert.StartsWith("127.0.0.1:", (string?)connection["remoteAddress"]);
        var first = await Get("/api/connections?limit=2");
        var rest = await Get($"/api/connections?limit=2&after={first["next"]}");
        Assert.Equal(3, first["connections"]!.AsArray().Concat(rest["connections"]!.AsArray()).Select(item => (string?)item!["id"]).Distinct().Count());
        Assert.False(rest.ContainsKey("next"));
        var described = await Get("/api/cluster");
        Assert.Contains(described["fronts"]!.AsArray(), item => (string?)item!["front"] == two);
        Assert.Single(described["silos"]!.AsArray());
    }

    [Fact]
    public async Task Everybody_on_every_front_is_sent_a_message()
    {
        await using var alice = await _one.Connect(Alice);
        await using var bob = await _two.Connect("bob-" + _tag);
        Assert.True((int)(await Post("/api/messages", """{"from":"ops","content":"hi all"}"""))["fronts"]! >= 2);
        foreach (var client in new[] { alice, bob })
        {
            var message = await client.Receive("message");
            Assert.Equal(("ops", "hi all", false), ((string?)message["from"], (string?)message["content"], message.ContainsKey("to")));
        }
    }

    [Fact]
    public async Task A_user_is_disconnected_everywhere_with_4002()
    {
        await using var phone = await _one.Connect(Alice);
        await using var laptop = await _two.Connect(Alice);
        Assert.Equal(2, (int)(await Post($"/api/users/{Alice}/disconnect", """{"reason":"bye"}"""))["connections"]!);
        foreach (var device in new[] { phone, laptop })
        {
            Assert.Null(await device.ReceiveRaw());
            Assert.Equal((WebSocketCloseStatus)4002, device.CloseStatus);
        }
    }

    [Theory]
    [InlineData("{", "bad_request")]
    [InlineData("[]", "bad_request")]
    [InlineData("{}", "needs content or data")]
    [InlineData("""{"content":7}""", "bad_request")]
    [InlineData("""{"contents":"x"}""", "contents")]
    [InlineData("""{"content":"x","from":"a\u0000"}""", "U+0000", "name_invalid")]
    public async Task Bad_bodies_are_told_why(string body, string why, string code = "bad_request")
    {
        var problem = await Post($"/api/rooms/{Room}/messages", body, HttpStatusCode.BadRequest);
        Assert.Equal(code, (string?)problem["code"]);
        Assert.Contains(why, problem.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
    }

    [Theory]
    [InlineData("/api/rooms?limit=0", HttpStatusCode.BadRequest, "bad_request")]
    [InlineData("/api/rooms?limit=1001", HttpStatusCode.BadRequest, "bad_request")]
    [InlineData("/api/rooms?limit=x", HttpStatusCode.BadRequest, "bad_request")]
    [InlineData("/api/rooms?limit=1%00", HttpStatusCode.BadRequest, "bad_request")]
    [InlineData("/api/rooms/a%0Ab", HttpStatusCode.BadRequest, "name_invalid")]
    [InlineData("/api/rooms/nobody-is-here", HttpStatusCode.NotFound, "room_not_found")]
    [InlineData("/api/rooms/nobody-is-here/members", HttpStatusCode.NotFound, "room_not_found")]
    [InlineData("/api/users/nobody", HttpStatusCode.NotFound, "user_not_found")]
    [InlineData("/api/connections?limit=-1", HttpStatusCode.BadRequest, "bad_request")]
    [InlineData("/api/connections?front=nobody", HttpStatusCode.BadRequest, "bad_request")]
    public async Task Bad_questions_are_told_why(string path, HttpStatusCode status, string code) =>
        Assert.Equal(code, (string?)(await Get(path, status))["code"]);

    [Fact]
    public async Task Health_metrics_openapi_and_pages_are_there()
    {
        await using var alice = await _one.Connect(Alice);
        Assert.Equal("Healthy", await _one.Http.GetStringAsync("/health/live"));
        Assert.Equal("Healthy", await _one.Http.GetStringAsync("/health/ready"));
        Assert.Contains("\nrealtime_connection_active{", await _one.Http.GetStringAsync("/metrics"));
        var openApi = await Get("/openapi/v1.json");
        Assert.True(openApi["paths"]!.AsObject().ContainsKey("/api/rooms/{room}/messages"));
    }

    [Theory]
    [InlineData("Front:MaxRoomsPerConnection", "0", "Front:MaxRoomsPerConnection is 0; it must be from 1 to 100000.")]
    [InlineData("Front:MembersPageSize", "1001", "Front:MembersPageSize is 1001; it must be from 1 to 1000.")]
    public async Task Settings_out_of_range_stop_the_start(string setting, string value, string message)
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => cluster.StartFront(null, (setting, value)));
        Assert.Contains(message, error.Message);
    }
}
