using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Realtime.WebFront.Tests.Operation;

/// <summary>What whoever runs fronts and silos is told by the HTTP API.</summary>
[Collection(ClusterCollection.Name)]
public sealed class OverviewTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _tag = Guid.NewGuid().ToString("N")[..12];
    private Front _one = null!;
    private Front _two = null!;

    public async ValueTask InitializeAsync() => (_one, _two) = (await cluster.StartFront(), await cluster.StartFront());

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    private async Task<JsonObject> Get(string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await _one.Http.GetAsync(path);
        Assert.Equal((path, expected), (path, response.StatusCode));
        return (await response.Content.ReadFromJsonAsync<JsonObject>())!;
    }

    private static string[] Names(JsonObject page, string list, string name) => [.. page[list]!.AsArray().Select(item => (string)item![name]!)];

    [Fact]
    public async Task Fronts_and_silos_say_what_they_are()
    {
        await using var alice = await _two.Connect($"alice-{_tag}");
        await alice.Join($"room-{_tag}");
        var id = await _two.Id();
        var front = (await Get("/api/fronts"))["fronts"]!.AsArray().Single(item => (string?)item!["front"] == id)!;
        Assert.Equal((1, 1, false), ((int)front["connections"]!, (int)front["rooms"]!, (bool)front["draining"]!));
        Assert.False(front.AsObject().ContainsKey("problem"));
        var silo = Assert.Single((await Get("/api/silos"))["silos"]!.AsArray())!;
        Assert.True((int)silo["rooms"]! >= 1);
        Assert.True((int)silo["activations"]! > (int)silo["rooms"]!);
        foreach (var process in new[] { front, silo })
        {
            Assert.Matches(@"^\d+\.\d+\.\d+", (string)process["version"]!);
            Assert.Equal(Environment.MachineName, (string?)process["host"]);
            Assert.InRange((DateTimeOffset)process["startedAt"]!, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow);
            Assert.True((long)process["memory"]! > 1_000_000);
        }
        Assert.Equal((string)silo["silo"]!, (string?)(await Get($"/api/rooms/room-{_tag}"))["silo"]);
    }

    [Fact]
    public async Task Rooms_are_found_by_what_their_names_begin_with()
    {
        // More rooms without members than are looked at in one go lie before those with members.
        var messages = string.Join(',', Enumerable.Range(0, 1000).Select(i => $$"""{"room":"{{_tag}}-a{{i}}","content":"x"}"""));
        for (var i = 0; i < 2; i++)
        {
            using var sent = await _one.Http.PostAsync("/api/batch", new StringContent($"[{messages.Replace("-a", $"-{"ab"[i]}")}]", Encoding.UTF8, "application/json"));
            Assert.Equal(HttpStatusCode.OK, sent.StatusCode);
        }
        await using var alice = await _one.Connect($"alice-{_tag}");
        await using var bob = await _two.Connect($"bob-{_tag}");
        await alice.Ask(new JsonObject { ["type"] = "inbox" });
        string[] rooms = [$"{_tag}-c", $"{_tag}-c1", $"{_tag}-c2", $"{_tag}-ç", $"{_tag}-d"];
        foreach (var room in rooms)
            await (room.EndsWith('1') ? bob : alice).Join(room);

        Assert.Equal(rooms.Order(StringComparer.Ordinal), Names(await Get($"/api/rooms?prefix={_tag}"), "rooms", "room"));
        Assert.Equal(rooms[..3], Names(await Get($"/api/rooms?prefix={_tag}-c"), "rooms", "room"));
        Assert.Equal(rooms[1..3], Names(await Get($"/api/rooms?prefix={_tag}-c&after={rooms[0]}"), "rooms", "room"));
        Assert.Empty(Names(await Get($"/api/rooms?prefix={_tag}-c&after={rooms[2]}"), "rooms", "room"));
        Assert.Equal(rooms[..3], Names(await Get($"/api/rooms?prefix={_tag}-c&after={_tag}"), "rooms", "room"));
        Assert.Empty(Names(await Get($"/api/rooms?prefix={_tag}-C"), "rooms", "room"));
        var page = await Get($"/api/rooms?prefix={_tag}-c&limit=2");
        Assert.Equal(rooms[1], (string?)page["next"]);
        page = await Get($"/api/rooms?prefix={_tag}-c&limit=2&after={page["next"]}");
        Assert.Equal((rooms[2], false), (Names(page, "rooms", "room").Single(), page.ContainsKey("next")));
        Assert.Contains($"{_tag}-c", Names(await Get($"/api/rooms?prefix=&limit=1000&after={_tag}-b"), "rooms", "room"));
        Assert.DoesNotContain(Names(await Get("/api/rooms?limit=1000"), "rooms", "room"), name => name.StartsWith(' '));
        Assert.Equal("name_invalid", (string?)(await Get("/api/rooms?prefix=%E2%80%8B", HttpStatusCode.BadRequest))["code"]);
    }

    [Fact]
    public async Task Connections_are_found_by_user_room_beginning_and_what_waits()
    {
        var (alice, bob, room) = ($"alice-{_tag}", $"bob-{_tag}", $"room-{_tag}");
        await using var phone = await _one.Connect(alice);
        await using var laptop = await _two.Connect(alice);
        await using var other = await _two.Connect(bob);
        await laptop.Join(room);
        await other.Join(room);

        Assert.Equal([alice, alice], Names(await Get($"/api/connections?user={alice}"), "connections", "user"));
        var inRoom = await Get($"/api/connections?room={room}");
        Assert.Equal([alice, bob], Names(inRoom, "connections", "user").Order(StringComparer.Ordinal));
        Assert.Equal(2, (int)inRoom["count"]!);
        var one = await Get($"/api/connections?room={room}&limit=1");
        Assert.Equal(2, (int)one["count"]!);
        var rest = await Get($"/api/connections?room={room}&after={one["next"]}");
        Assert.Equal(Names(inRoom, "connections", "id"), Names(one, "connections", "id").Concat(Names(rest, "connections", "id")));
        Assert.Equal([alice], Names(await Get($"/api/connections?room={room}&user={alice}"), "connections", "user"));
        Assert.Empty(Names(await Get($"/api/connections?room={room}&front={await _one.Id()}"), "connections", "id"));
        Assert.Equal([bob], Names(await Get($"/api/connections?prefix={bob[..8]}"), "connections", "user"));
        var id = (string)inRoom["connections"]![0]!["id"]!;
        Assert.Equal([id], Names(await Get($"/api/connections?prefix={id[..20]}"), "connections", "id"));
        Assert.Equal(3, (int)(await Get("/api/connections?prefix=127.0.0.1"))["count"]!);
        Assert.Empty(Names(await Get("/api/connections?prefix=27."), "connections", "id"));
        Assert.Empty(Names(await Get($"/api/connections?room={Uri.EscapeDataString(" inbox:" + alice)[3..]}"), "connections", "id"));
        await Get("/api/connections?room=%20x", HttpStatusCode.BadRequest);

        // Somebody who does not read is found, and nobody else.
        Assert.Empty(Names(await Get($"/api/connections?room={room}&queued=1"), "connections", "id"));
        var data = new string('x', 60_000);
        await Wait.Until(async () =>
        {
            using var sent = await _one.Http.PostAsJsonAsync($"/api/rooms/{room}/messages", new { content = data });
            await phone.Drain();
            return Names(await Get($"/api/connections?room={room}&user={alice}&queued=1"), "connections", "user") is [var slow] && slow == alice;
        });
        Assert.Empty(Names(await Get($"/api/connections?user={alice}&front={await _one.Id()}&queued=1"), "connections", "id"));
    }

    [Fact]
    public async Task An_inbox_is_described_and_not_made()
    {
        var alice = $"alice-{_tag}";
        var inbox = await Get($"/api/users/{alice}/inbox");
        Assert.Equal((0, 0, 0L, false), ((int)inbox["connections"]!, (int)inbox["messages"]!, (long)inbox["seq"]!, inbox.ContainsKey("epoch")));
        await using (var phone = await _two.Connect(alice))
        {
            var opened = await phone.Ask(new JsonObject { ["type"] = "inbox" });
            inbox = await Get($"/api/users/{alice}/inbox"); // while it has no message
            Assert.Equal((1, 0, (string?)opened["epoch"]), ((int)inbox["connections"]!, (int)inbox["messages"]!, (string?)inbox["epoch"]));
            for (var i = 0; i < 2; i++)
                (await _one.Http.PostAsJsonAsync($"/api/users/{alice}/messages", new { content = "hi" })).EnsureSuccessStatusCode();
            inbox = await Get($"/api/users/{alice}/inbox");
            Assert.Equal((1, 2, 2L, (string?)opened["epoch"]), ((int)inbox["connections"]!, (int)inbox["messages"]!, (long)inbox["seq"]!, (string?)inbox["epoch"]));
        }
        await Wait.Until(async () => (int)(await Get($"/api/users/{alice}/inbox"))["connections"]! == 0);
        Assert.Equal(2, (int)(await Get($"/api/users/{alice}/inbox"))["messages"]!);
    }
}
