using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Realtime.EndToEnd.Tests;

/// <summary>The console on a cluster of two silos and two fronts, as whoever runs it uses it.</summary>
public sealed class ConsoleTests(BrowserFixture browser, ConsoleCluster cluster) : IClassFixture<BrowserFixture>, IClassFixture<ConsoleCluster>
{
    private readonly string _tag = Guid.NewGuid().ToString("N")[..10];

    private string One => cluster.Fronts[0];

    private string Two => cluster.Fronts[1];

    private string Room => $"room-{_tag}";

    [Fact]
    public async Task The_cluster_is_seen_and_everybody_is_sent_a_message()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await SocketUser.ConnectAsync(Two, $"alice-{_tag}");
        await using var console = await ConsoleWindow.OpenAsync(browser, One);
        await Expect(console.Rows("Fronts")).ToHaveCountAsync(2);
        await Expect(console.Rows("Fronts", "Ready")).ToHaveCountAsync(2);
        await Expect(console.Rows("Silos", "Up")).ToHaveCountAsync(2);
        await Expect(console.Fact("Fronts")).ToHaveTextAsync("2");
        await Expect(console.Fact("Silos")).ToHaveTextAsync("2");
        await Expect(console.Rows("Silos").First).ToContainTextAsync(Environment.MachineName);
        await Expect(console.Page.Locator(".view .notice")).ToBeHiddenAsync(); // of one version

        await console.ShootAsync("overview");
        await console.Page.GetByLabel("Message to everybody who is connected").FillAsync($"all {_tag}");
        await console.Page.Keyboard.PressAsync("Enter");
        await Expect(console.Page.Locator("#dialog-text")).ToContainTextAsync($"“all {_tag}” goes to every connection");
        await console.ConfirmAsync();
        await Expect(console.Done).ToHaveTextAsync("The message was sent, to 2 fronts.");
        await alice.HeardAsync(frame => (string?)frame["content"] == $"all {_tag}");
        console.AssertNoErrors();
    }

    [Fact]
    public async Task A_room_is_found_watched_and_a_member_removed()
    {
        BrowserFixture.RequireChromium();
        var (alice, bob) = ($"alice-{_tag}", $"bob-{_tag}");
        await using var first = await SocketUser.ConnectAsync(One, alice, Room);
        await using var second = await SocketUser.ConnectAsync(Two, bob, Room);
        await using var console = await ConsoleWindow.OpenAsync(browser, One, "#/rooms");
        await console.Page.GetByLabel("Rooms whose names begin with").FillAsync($"room-{_tag[..6]}");
        await console.Page.Keyboard.PressAsync("Enter");
        await Expect(console.Rows("Rooms")).ToHaveCountAsync(1);
        await Expect(console.Rows("Rooms", Room)).ToContainTextAsync("2");
        await console.Page.GetByRole(AriaRole.Link, new() { Name = Room }).ClickAsync();

        await Expect(console.Heading).ToHaveTextAsync($"Room {Room}");
        await Expect(console.Page).ToHaveTitleAsync($"Room {Room} · Realtime console");
        await Expect(console.Fact("Members")).ToHaveTextAsync("2");
        await Expect(console.Fact("Fronts")).ToHaveTextAsync("2");
        await Expect(console.Fact("Silo")).ToContainTextAsync("127.0.0.1");
        await Expect(console.Fact("Messages")).ToHaveTextAsync("0");
        for (var i = 1; i <= 3; i++)
            Assert.Equal(i, (int)(await first.AskAsync(new JsonObject { ["type"] = "message", ["id"] = $"m{i}", ["room"] = Room, ["content"] = "hi" }))["seq"]!);
        await Expect(console.Fact("Messages")).ToHaveTextAsync("3");
        await Expect(console.Fact("Messages a second")).Not.ToHaveTextAsync("0");

        await console.Page.GetByLabel("Message to the room").FillAsync("from the console");
        await console.Page.Keyboard.PressAsync("Enter");
        await Expect(console.Done).ToHaveTextAsync("The room has kept the message as number 4.");
        await second.HeardAsync(frame => (string?)frame["content"] == "from the console");

        await console.ShootAsync("room");
        await console.DoAsync(console.Rows("Members", bob), "Remove");
        await Expect(console.Done).ToHaveTextAsync($"{bob} was taken out of the room, with 1 connection.");
        Assert.Equal("server", (string?)(await second.HeardAsync(frame => (string?)frame["type"] == "left"))["by"]);
        await Expect(console.Rows("Members")).ToHaveCountAsync(1);
        await Expect(console.Fact("Members")).ToHaveTextAsync("1");
        console.AssertNoErrors();
    }

    [Fact]
    public async Task A_user_is_found_by_a_connection_watched_disconnected_and_blocked()
    {
        BrowserFixture.RequireChromium();
        var alice = $"alice-{_tag}";
        await using var phone = await SocketUser.ConnectAsync(One, alice, Room);
        await using var laptop = await SocketUser.ConnectAsync(Two, alice, Room, $"{Room}-2");
        await laptop.AskAsync(new JsonObject { ["type"] = "inbox", ["id"] = "i" });
        await using var console = await ConsoleWindow.OpenAsync(browser, One, "#/connections");
        await console.Page.GetByLabel("Connections whose user, id or address begins with").FillAsync(alice);
        await console.Page.Keyboard.PressAsync("Enter");
        await Expect(console.Rows("Connections")).ToHaveCountAsync(2);
        await console.Rows("Connections").First.GetByRole(AriaRole.Link, new() { Name = alice }).ClickAsync();

        await Expect(console.Fact("Devices")).ToHaveTextAsync("2");
        await Expect(console.Rows("Rooms")).ToHaveCountAsync(2);
        await Expect(console.Rows("Devices")).ToHaveCountAsync(2);
        await Expect(console.Fact("Inbox")).ToHaveTextAsync("0 messages, the last is number 0; 1 device listens");
        await console.Page.GetByLabel("Message to the user").FillAsync("psst");
        await console.Page.Keyboard.PressAsync("Enter");
        await Expect(console.Done).ToHaveTextAsync("The message went to 2 connections, and into the inbox as number 1.");
        await Expect(console.Fact("Inbox")).ToContainTextAsync("1 message, the last is number 1");

        await console.Page.GetByRole(AriaRole.Button, new() { Name = "Disconnect", Exact = true }).ClickAsync();
        await console.Page.GetByLabel("Reason, which the client is told").FillAsync("enough");
        await console.ConfirmAsync();
        await Expect(console.Done).ToHaveTextAsync($"{alice} was disconnected, with 2 connections.");
        Assert.Equal((4002, "enough"), await phone.ClosedAsync());
        Assert.Equal((4002, "enough"), await laptop.ClosedAsync());
        await Expect(console.Rows("Devices")).ToHaveCountAsync(0);
        await Expect(console.Page.GetByText("The user is not connected.")).ToBeVisibleAsync();

        await console.Page.GetByRole(AriaRole.Button, new() { Name = "Block", Exact = true }).ClickAsync();
        await console.Page.GetByLabel("Seconds").FillAsync("0");
        await console.ConfirmAsync();
        await Expect(console.Failed).ToHaveTextAsync("'seconds' is 0; it must be from 1 to 31536000.");
        await console.Page.GetByRole(AriaRole.Button, new() { Name = "Block", Exact = true }).ClickAsync();
        await console.Page.GetByLabel("Seconds").FillAsync("60");
        await console.ConfirmAsync();
        await Expect(console.Done).ToHaveTextAsync($"{alice} is blocked for 60 seconds.");
        await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => SocketUser.ConnectAsync(Two, alice));
        await console.Page.GetByRole(AriaRole.Button, new() { Name = "Unblock" }).ClickAsync();
        await Expect(console.Done).ToHaveTextAsync($"{alice} may connect again.");

        // One of several devices.
        await using var again = await SocketUser.ConnectAsync(One, alice);
        await using var other = await SocketUser.ConnectAsync(Two, alice);
        var front = (string)(await new HttpClient().GetFromJsonAsync<JsonObject>($"{Two}/api/cluster"))!["front"]!;
        await console.DoAsync(console.Rows("Devices", front), "Close");
        Assert.Equal(4002, (await other.ClosedAsync()).Code);
        await Expect(console.Rows("Devices")).ToHaveCountAsync(1);
        Assert.Equal("pong", (string?)(await again.AskAsync(new JsonObject { ["type"] = "ping", ["id"] = "p" }))["type"]);
        console.AssertNoErrors("400"); // Chromium itself reports it
    }

    [Fact]
    public async Task A_front_is_drained_and_let_go_on()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await SocketUser.ConnectAsync(Two, $"alice-{_tag}");
        var front = (string)(await new HttpClient().GetFromJsonAsync<JsonObject>($"{Two}/api/cluster"))!["front"]!;
        await using var console = await ConsoleWindow.OpenAsync(browser, One);
        var row = console.Rows("Fronts", front);
        try
        {
            await row.GetByRole(AriaRole.Button, new() { Name = $"Drain {front}" }).ClickAsync();
            await Expect(console.Page.Locator("#dialog-text")).ToContainTextAsync("they come back elsewhere.");
            await console.ConfirmAsync();
            await Expect(console.Done).ToContainTextAsync($"Front {front} is drained");
            await Expect(row).ToContainTextAsync("Draining");
            var (code, reason) = await alice.ClosedAsync();
            Assert.Equal(1001, code);
            Assert.Contains("retry after", reason);
            await Expect(row.Locator("td").Nth(2)).ToHaveTextAsync("0");
        }
        finally
        {
            await row.GetByRole(AriaRole.Button, new() { Name = $"End drain {front}" }).ClickAsync();
        }
        await Expect(row).ToContainTextAsync("Ready");
        await using var again = await SocketUser.ConnectAsync(Two, $"alice-{_tag}");
        console.AssertNoErrors();
    }

    [Fact]
    public async Task What_went_wrong_is_listed()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await SocketUser.ConnectAsync(Two, $"alice-{_tag}");
        for (var i = 0; i < 2; i++)
            Assert.Equal("not_joined", (string?)(await alice.AskAsync(new JsonObject { ["type"] = "message", ["id"] = $"m{i}", ["room"] = Room, ["content"] = "x" }))["code"]);
        await using var console = await ConsoleWindow.OpenAsync(browser, One, "#/errors");
        var row = console.Rows("Last errors", $"alice-{_tag}");
        await Expect(row).ToContainTextAsync("not_joined");
        await Expect(row.Locator("td").Nth(2)).ToHaveTextAsync("2");
        await row.GetByRole(AriaRole.Link).ClickAsync();
        await Expect(console.Heading).ToHaveTextAsync($"User alice-{_tag}");
        console.AssertNoErrors();
    }

    [Fact]
    public async Task Names_and_texts_of_others_are_text_and_no_markup()
    {
        BrowserFixture.RequireChromium();
        var (room, user) = ($"<img src=x onerror=alert(1)>{_tag}", $"<b>bob</b>&lt;\"'{_tag}");
        await using var client = await SocketUser.ConnectAsync(One, user, room);
        await client.AskAsync(new JsonObject { ["type"] = "message", ["id"] = "m", ["room"] = $"{room}<i>", ["content"] = "x" });
        await using var console = await ConsoleWindow.OpenAsync(browser, One, "#/rooms");
        console.Page.Dialog += (_, dialog) => Assert.Fail(dialog.Message);
        await console.Page.GetByLabel("Rooms whose names begin with").FillAsync("<img");
        await console.Page.Keyboard.PressAsync("Enter");
        await console.Page.GetByRole(AriaRole.Link, new() { Name = room, Exact = true }).ClickAsync();
        await Expect(console.Heading).ToHaveTextAsync($"Room {room}");
        await Expect(console.Rows("Members")).ToContainTextAsync(user);
        await console.Rows("Members").GetByRole(AriaRole.Button, new() { NameRegex = new("^Remove") }).ClickAsync();
        await Expect(console.Page.Locator("#dialog-text")).ToContainTextAsync($"All connections of {user} are taken out of the room {room}.");
        await console.ConfirmAsync();
        await Expect(console.Done).ToContainTextAsync(user);
        await console.Page.GotoAsync($"{One}/console#/users/{Uri.EscapeDataString(user)}");
        await Expect(console.Heading).ToHaveTextAsync($"User {user}");
        await Expect(console.Rows("Devices")).ToHaveCountAsync(1);
        await console.Page.GotoAsync($"{One}/console#/errors");
        await Expect(console.Rows("Last errors", user)).ToHaveCountAsync(1);
        Assert.Equal(0, await console.Page.Locator("#main img, #main b, #main i, dialog img, .toast b").CountAsync());
        // What is wrong behind # is shown as it is, too.
        await console.Page.GotoAsync($"{One}/console#/rooms/%ff<s>");
        await Expect(console.Heading).ToHaveTextAsync("Room %ff%3Cs%3E"); // as the browser has it
        console.AssertNoErrors("404");
    }
}
