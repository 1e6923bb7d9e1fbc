using System.Net;
using System.Net.WebSockets;
using System.Text;
using static Microsoft.Playwright.Assertions;

namespace Realtime.EndToEnd.Tests;

/// <summary>Who is shown to be in a room, also when the room tells counts only; names of every script.</summary>
public sealed class ChatPresenceTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    [Fact]
    public async Task A_room_that_was_large_shows_who_is_really_there()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await ChatWindow.JoinAsync(browser, browser.Front, "alice", "crowd");
        var others = new Dictionary<string, ClientWebSocket>();
        foreach (var name in new[] { "bob", "carol", "dora", "erin" })
            others[name] = await JoinAsync(name, "crowd");

        // Two of them came without a word.
        await Expect(alice.Count).ToHaveTextAsync("5 people");
        await Expect(alice.People).ToHaveTextAsync(["alice", "bob", "carol", "dora", "erin"]);

        // Bob goes without a word; carol is the first to be told of.
        await LeaveAsync(others["bob"], "crowd");
        await LeaveAsync(others["carol"], "crowd");
        await Expect(alice.Notes.Last).ToHaveTextAsync("carol left");
        await Expect(alice.People).ToHaveTextAsync(["alice", "dora", "erin"]);
        await Expect(alice.Count).ToHaveTextAsync("3 people");
        foreach (var socket in others.Values)
            socket.Dispose();
        alice.AssertNoErrors();
    }

    [Fact]
    public async Task Names_turn_nothing_around_them()
    {
        BrowserFixture.RequireChromium();
        const string room = "\u05d7\u05d3\u05e8";
        const string name = "\u05d3\u05e0\u05d4";
        await using var alice = await ChatWindow.JoinAsync(browser, browser.Front, "alice", room);
        using (var other = await JoinAsync(name, room))
        {
            await SendAsync(other, $$"""{"type":"message","room":"{{room}}","content":"1 {{name}} 2"}""");
            await Expect(alice.Messages).ToHaveCountAsync(1);
            await alice.OpenAsync("@" + name);
            await alice.SayAsync("psst");
            await Expect(alice.Messages).ToHaveCountAsync(1);
            await AssertIsolatedAsync(alice, name);
        }
        await UntilUnknownAsync(name);
        await Expect(alice.Page.Locator(".note")).ToHaveCountAsync(0);
        await alice.SayAsync("anybody?");
        await Expect(alice.Failed).ToHaveCountAsync(1);
        await AssertIsolatedAsync(alice, name);
        await alice.Entry("#" + room).ClickAsync();
        await Expect(alice.Notes).ToHaveTextAsync([$"{name} joined", $"{name} left"]);
        await AssertIsolatedAsync(alice, name);
        await AssertIsolatedAsync(alice, room);
        for (var i = 1; i <= BrowserFixture.MaxRooms; i++)
            await alice.OpenAsync($"{room}-{i}");
        await Expect(alice.Notice).ToContainTextAsync("Could not join");
        await AssertIsolatedAsync(alice, room);
        alice.AssertNoErrors();

        // Whatever shows the name is in an element that keeps its direction to itself.
        static async Task AssertIsolatedAsync(ChatWindow window, string name)
        {
            var (isolated, bare) = (await CountAsync(window, name, "n.parentElement.closest('bdi')"), await CountAsync(window, name, "!n.parentElement.closest('bdi')"));
            Assert.True(isolated > 0, "The name is not on the page.");
            Assert.Equal(0, bare);
        }

        static Task<int> CountAsync(ChatWindow window, string name, string test) => window.Page.EvaluateAsync<int>($$"""
            name => {
              const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
              let count = 0;
              for (let n; n = walker.nextNode();) if (n.data.includes(name) && {{test}}) count++;
              return count;
            }
            """, name);
    }

    [Fact]
    public async Task A_message_that_failed_stays_where_it_was_and_what_comes_later_is_seen()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await ChatWindow.JoinAsync(browser, browser.Front, "alice", "failing", width: 360, height: 740);
        await alice.SayAsync("before");
        await Expect(alice.Messages).ToHaveTextAsync(["before"]);
        await alice.SayAsync(new string('x', 65 * 1024));
        await Expect(alice.Failed).ToHaveCountAsync(1);

        for (var i = 1; i <= 3; i++)
            await alice.SayAsync($"after {i}");
        await Expect(alice.Messages).ToHaveTextAsync(["before", "after 1", "after 2", "after 3"]);
        await Expect(alice.Outgoing).ToHaveCountAsync(0);
        await Expect(alice.Messages.Last).ToBeInViewportAsync();
        Assert.Equal(["bef", "xxx", "aft", "aft", "aft"], await alice.Page.EvaluateAsync<string[]>(
            "[...document.querySelectorAll('.message .text')].map(e => e.textContent.slice(0, 3))"));

        // It can still be thrown away, or tried again: then it is new, and fails where the conversation is by now.
        await alice.Failed.GetByText("Try again").ClickAsync();
        await Expect(alice.Failed).ToHaveCountAsync(1);
        await alice.Failed.GetByText("Discard").ClickAsync();
        await Expect(alice.Failed).ToHaveCountAsync(0);
        await Expect(alice.Messages.Last).ToBeInViewportAsync();
        alice.AssertNoErrors();
    }

    private async Task<ClientWebSocket> JoinAsync(string user, string room)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new($"{browser.Front.Address.Replace("http", "ws", StringComparison.Ordinal)}/ws?user={Uri.EscapeDataString(user)}"), Bound());
        await SendAsync(socket, $$"""{"id":"1","type":"join","room":"{{room}}"}""");
        await UntilAsync(socket, "joined");
        return socket;
    }

    /// <summary>Until the cluster knows that the user has gone: up to then its direct messages are taken.</summary>
    private async Task UntilUnknownAsync(string user)
    {
        using var http = new HttpClient();
        var bound = Bound();
        while ((await http.GetAsync($"{browser.Front.Address}/api/users/{Uri.EscapeDataString(user)}", bound)).StatusCode != HttpStatusCode.NotFound)
            await Task.Delay(20, bound);
    }

    private static async Task LeaveAsync(ClientWebSocket socket, string room)
    {
        await SendAsync(socket, $$"""{"id":"2","type":"leave","room":"{{room}}"}""");
        await UntilAsync(socket, "left");
    }

    private static Task SendAsync(ClientWebSocket socket, string frame) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(frame), WebSocketMessageType.Text, endOfMessage: true, Bound());

    /// <summary>Reads frames up to the first of this type.</summary>
    private static async Task UntilAsync(ClientWebSocket socket, string type)
    {
        var buffer = new byte[4096];
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                part = await socket.ReceiveAsync(buffer.AsMemory(length), Bound());
                length += part.Count;
            }
            while (!part.EndOfMessage);
            if (Encoding.UTF8.GetString(buffer, 0, length).StartsWith($"{{\"type\":\"{type}\"", StringComparison.Ordinal))
                return;
        }
    }

    private static CancellationToken Bound() => new CancellationTokenSource(TimeSpan.FromMilliseconds(BrowserWindow.Timeout)).Token;
}
