using System.Net.Http.Json;
using static Microsoft.Playwright.Assertions;

namespace Realtime.EndToEnd.Tests;

/// <summary>People chat, each in a window of their own.</summary>
public sealed class ChatPageTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    [Fact]
    public async Task Two_people_see_all_messages_in_one_order()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await ChatWindow.JoinAsync(browser, browser.Front, "alice", "order");
        await using var bob = await ChatWindow.JoinAsync(browser, browser.Front, "bob", "order");
        const int each = 20;

        await Task.WhenAll(Talk(alice, "a"), Talk(bob, "b"));

        await Expect(alice.Messages).ToHaveCountAsync(2 * each);
        await Expect(bob.Messages).ToHaveCountAsync(2 * each);
        var seen = await alice.Messages.AllTextContentsAsync();
        Assert.Equal(seen, await bob.Messages.AllTextContentsAsync());
        Assert.Equal(Enumerable.Range(0, each).Select(i => $"a {i}"), seen.Where(text => text.StartsWith('a')));
        // Own messages are marked, and none is left without an ack.
        Assert.Equal(seen.Where(text => text.StartsWith('a')), await alice.OwnMessages.AllTextContentsAsync());
        await Expect(alice.Outgoing).ToHaveCountAsync(0);
        await Expect(bob.Outgoing).ToHaveCountAsync(0);
        alice.AssertNoErrors();
        bob.AssertNoErrors();

        static async Task Talk(ChatWindow who, string word)
        {
            for (var i = 0; i < each; i++)
                await who.SayAsync($"{word} {i}");
        }
    }

    [Fact]
    public async Task People_are_seen_to_come_and_go_but_a_second_tab_is_the_same_person()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await ChatWindow.JoinAsync(browser, browser.Front, "alice", "presence");
        await Expect(alice.Count).ToHaveTextAsync("Only you");

        var bob = await ChatWindow.JoinAsync(browser, browser.Front, "bob", "presence");
        await Expect(alice.Count).ToHaveTextAsync("2 people");
        await Expect(alice.People).ToHaveTextAsync(["alice", "bob"]);
        await Expect(bob.People).ToHaveTextAsync(["bob", "alice"]);

        var tab = await bob.NewTabAsync("/?user=bob&room=presence");
        await Expect(tab.Locator("#count")).ToHaveTextAsync("2 people");
        await tab.FillAsync("#text", "from the second tab");
        await tab.PressAsync("#text", "Enter");
        await Expect(alice.Messages).ToHaveTextAsync(["from the second tab"]);
        await tab.CloseAsync();
        await bob.SayAsync("still here");
        await Expect(alice.Messages).ToHaveCountAsync(2);
        await Expect(alice.Notes).ToHaveTextAsync(["bob joined"]);

        bob.AssertNoErrors();
        await bob.DisposeAsync();
        await Expect(alice.Notes).ToHaveTextAsync(["bob joined", "bob left"]);
        await Expect(alice.People).ToHaveTextAsync(["alice"]);
        alice.AssertNoErrors();
    }

    [Fact]
    public async Task A_direct_message_reaches_one_person_only()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await ChatWindow.JoinAsync(browser, browser.Front, "alice-direct", "direct");
        await using var bob = await ChatWindow.JoinAsync(browser, browser.Front, "bob-direct", "direct");
        await using var carol = await ChatWindow.JoinAsync(browser, browser.Front, "carol-direct", "direct");

        await alice.People.GetByText("bob-direct").ClickAsync();
        await alice.SayAsync("psst");
        await Expect(alice.Page.Locator(".delivery")).ToHaveTextAsync("Delivered");

        // Bob is told by a badge, and reads it there.
        await Expect(bob.Entry("@alice-direct").Locator(".badge")).ToContainTextAsync("1");
        await bob.Entry("@alice-direct").ClickAsync();
        await Expect(bob.Messages).ToHaveTextAsync(["psst"]);
        await Expect(bob.Entry("@alice-direct").Locator(".badge")).ToHaveCountAsync(0);
        await bob.SayAsync("heard");
        await Expect(alice.Messages).ToHaveTextAsync(["psst", "heard"]);
        // A room message behind it has arrived at carol: what came before it is all that she gets.
        await alice.Entry("#direct").ClickAsync();
        await alice.SayAsync("hello all");
        await Expect(carol.Messages).ToHaveTextAsync(["hello all"]);
        await Expect(carol.Page.Locator(".entry")).ToHaveCountAsync(1);

        await alice.OpenAsync("@nobody-here");
        await alice.SayAsync("anyone?");
        await Expect(alice.Failed.Locator(".delivery")).ToContainTextAsync("nobody-here is not connected");
        // One's own state would be taken for theirs.
        await Expect(alice.Status).ToBeHiddenAsync();
        await Expect(alice.Count).ToHaveTextAsync("Direct message");
        await alice.Entry("#direct").ClickAsync();
        await Expect(alice.Status).ToBeVisibleAsync();
        alice.AssertNoErrors();
        bob.AssertNoErrors();
        carol.AssertNoErrors();
    }

    [Fact]
    public async Task What_comes_in_elsewhere_is_counted_as_unread()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await ChatWindow.JoinAsync(browser, browser.Front, "alice", "unread-1", width: 360, height: 740);
        await using var bob = await ChatWindow.JoinAsync(browser, browser.Front, "bob", "unread-1");
        await alice.Page.ClickAsync("#open-toggle");
        await alice.OpenAsync("unread-2");
        await Expect(alice.Page.Locator("#title")).ToHaveTextAsync("#unread-2");

        await bob.SayAsync("one");
        await bob.SayAsync("two");
        await Expect(alice.Entry("#unread-1").Locator(".badge")).ToContainTextAsync("2");
        await Expect(alice.Page).ToHaveTitleAsync("(2) #unread-2 · Realtime");
        await alice.Entry("#unread-1").ClickAsync();
        await Expect(alice.Page).ToHaveTitleAsync("#unread-1 · Realtime");

        // Scrolled up, a new message does not move the page but shows in the button below.
        for (var i = 0; i < 20; i++)
            await bob.SayAsync($"line {i}");
        await Expect(alice.Messages).ToHaveCountAsync(22);
        await alice.Page.HoverAsync("#log");
        await alice.Page.Mouse.WheelAsync(0, -5_000);
        await Expect(alice.Page.Locator("#jump")).ToBeVisibleAsync();
        await bob.SayAsync("news");
        await Expect(alice.Page.Locator("#jump")).ToHaveTextAsync("↓ 1 new message");
        await alice.Page.ClickAsync("#jump");
        await Expect(alice.Page.Locator("#jump")).ToBeHiddenAsync();
        await Expect(alice.Page).ToHaveTitleAsync("#unread-1 · Realtime");
        alice.AssertNoErrors();
        bob.AssertNoErrors();
    }

    [Fact]
    public async Task One_who_was_cut_off_gets_what_was_missed()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await ChatWindow.JoinAsync(browser, browser.Front, "alice-cut", "resume");
        await using var bob = await ChatWindow.JoinAsync(browser, browser.Front, "bob-cut", "resume");
        await bob.SayAsync("before");
        await Expect(alice.Messages).ToHaveTextAsync(["before"]);

        using var http = new HttpClient { BaseAddress = new(browser.Front.Address), Timeout = TimeSpan.FromSeconds(20) };
        using var answer = await http.PostAsJsonAsync("/api/users/alice-cut/disconnect", new { reason = "a test" });
        answer.EnsureSuccessStatusCode();
        await Expect(alice.Status).ToHaveTextAsync("Offline");
        await Expect(alice.Notice).ToContainTextAsync("a test");
        await Expect(bob.Notes).ToHaveTextAsync(["alice-cut left"]);
        await bob.SayAsync("while away 1");
        await bob.SayAsync("while away 2");
        await Expect(bob.Outgoing).ToHaveCountAsync(0);

        await alice.Page.ClickAsync("#retry");
        await Expect(alice.Status).ToHaveTextAsync("Online");
        await Expect(alice.Messages).ToHaveTextAsync(["before", "while away 1", "while away 2"]);
        await Expect(alice.Page.GetByText("Nothing was missed")).ToBeVisibleAsync();
        await Expect(alice.Page.GetByText("Some messages were missed")).ToHaveCountAsync(0);
        alice.AssertNoErrors();
        bob.AssertNoErrors();
    }

    [Fact]
    public async Task Cuts_of_the_connection_lose_double_and_reorder_nothing()
    {
        BrowserFixture.RequireChromium();
        await using var proxy = new CutProxy(browser.Front.Address);
        await using var alice = await ChatWindow.JoinAsync(browser, proxy.Address, "alice", "cuts");
        using var http = new HttpClient { BaseAddress = new(browser.Front.Address), Timeout = TimeSpan.FromSeconds(20) };
        const int rounds = 3;
        const int each = 50;
        for (var round = 0; round < rounds; round++)
        {
            // The cut comes between the messages of a service; what alice writes waits for the next connection.
            await PostAsync(round * each, each / 2);
            proxy.Cut();
            await PostAsync(round * each + each / 2, each / 2);
            await alice.SayAsync($"alice {round}");
            await Expect(alice.Outgoing).ToHaveCountAsync(0);
            await Expect(alice.Status).ToHaveTextAsync("Online");
        }

        await Expect(alice.Messages).ToHaveCountAsync(rounds * (each + 1));
        var seen = await alice.Messages.AllTextContentsAsync();
        Assert.Equal(Enumerable.Range(0, rounds * each).Select(i => $"service {i}"), seen.Where(text => text.StartsWith("service", StringComparison.Ordinal)));
        Assert.Equal(Enumerable.Range(0, rounds).Select(i => $"alice {i}"), await alice.OwnMessages.AllTextContentsAsync());
        await Expect(alice.Page.GetByText("Nothing was missed")).ToHaveCountAsync(rounds);
        await Expect(alice.Page.GetByText("Some messages were missed")).ToHaveCountAsync(0);
        alice.AssertNoErrors("WebSocket connection to", "/api/session/events");

        async Task PostAsync(int first, int count)
        {
            for (var i = first; i < first + count; i++)
            {
                using var answer = await http.PostAsJsonAsync("/api/rooms/cuts/messages", new { content = $"service {i}" });
                answer.EnsureSuccessStatusCode();
            }
        }
    }

    [Fact]
    public async Task After_a_crash_of_the_server_everybody_comes_back_and_is_told_of_the_gap()
    {
        BrowserFixture.RequireChromium();
        await using var front = await FrontProcess.StartAsync();
        await using var alice = await ChatWindow.JoinAsync(browser, front, "alice", "crash");
        await using var bob = await ChatWindow.JoinAsync(browser, front, "bob", "crash");
        await alice.SayAsync("before");
        await Expect(bob.Messages).ToHaveTextAsync(["before"]);

        await front.KillAsync();
        await Expect(alice.Status).ToContainTextAsync("Reconnecting");
        await alice.SayAsync("written while away");
        await Expect(alice.Outgoing.Locator(".delivery")).ToHaveTextAsync("Sending…");

        await front.StartAgainAsync();
        // The next attempt may be half a minute away by now.
        await Expect(alice.Status).ToHaveTextAsync("Online", new() { Timeout = 40_000 });
        await Expect(bob.Status).ToHaveTextAsync("Online", new() { Timeout = 40_000 });
        await Expect(alice.Page.GetByText("Some messages were missed")).ToBeVisibleAsync();
        await Expect(bob.Page.GetByText("Some messages were missed")).ToBeVisibleAsync();
        await Expect(alice.Messages).ToHaveTextAsync(["before", "written while away"]);
        await Expect(alice.Outgoing).ToHaveCountAsync(0);
        await bob.SayAsync("after");
        await Expect(alice.Messages.Last).ToHaveTextAsync("after");
        await Expect(alice.Count).ToHaveTextAsync("2 people");
        alice.AssertNoErrors("WebSocket connection to", "/api/session/events");
        bob.AssertNoErrors("WebSocket connection to", "/api/session/events");
    }

    [Fact]
    public async Task Bad_input_is_answered_in_words()
    {
        BrowserFixture.RequireChromium();
        await using var alice = new ChatWindow(await BrowserWindow.OpenAsync(browser, browser.Front, "/"));

        await alice.SignInAsync("", "lobby");
        await Expect(alice.SigninError).ToHaveTextAsync("Please enter a name.");
        await alice.SignInAsync(new string('ä', 65), "lobby");
        await Expect(alice.SigninError).ToHaveTextAsync(new System.Text.RegularExpressions.Regex("user name has 130 bytes; it must be a string of 1 to 128"));
        await alice.SignInAsync("alice", new string('r', 129));
        await Expect(alice.SigninError).ToHaveTextAsync(new System.Text.RegularExpressions.Regex("room name has 129 bytes"));

        await alice.SignInAsync("alice", "bad-input");
        await Expect(alice.Status).ToHaveTextAsync("Online");
        await alice.OpenAsync("  ");
        await Expect(alice.Page.Locator("#open-error")).ToHaveTextAsync("Please enter a room name.");

        // The server refuses what is too long, and says the bound; the text is not lost.
        await alice.SayAsync(new string('x', 65 * 1024));
        await Expect(alice.Failed.Locator(".delivery")).ToContainTextAsync("Not sent.");
        await Expect(alice.Failed.Locator(".delivery")).ToContainTextAsync("65536");
        await alice.Failed.GetByText("Discard").ClickAsync();
        await Expect(alice.Failed).ToHaveCountAsync(0);
        await alice.SayAsync("<b>not bold</b>");
        await Expect(alice.Messages).ToHaveTextAsync(["<b>not bold</b>"]);
        alice.AssertNoErrors();
    }

    [Fact]
    public async Task A_room_can_be_left_and_entered_again_at_once()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await ChatWindow.JoinAsync(browser, browser.Front, "alice", "stay");
        await using var bob = await ChatWindow.JoinAsync(browser, browser.Front, "bob", "revolving");
        await alice.OpenAsync("revolving");
        await Expect(alice.Count).ToHaveTextAsync("2 people");
        await alice.SayAsync("in");
        await Expect(bob.Messages).ToHaveTextAsync(["in"]);

        // Both clicks in one turn of the page: the join is asked for before the leave has been answered.
        await alice.Page.EvaluateAsync("""
            document.querySelector('#leave').click();
            document.querySelector('#open-name').value = 'revolving';
            document.querySelector('#open-form').requestSubmit();
            """);
        await Expect(alice.Page.Locator("#title")).ToHaveTextAsync("#revolving");
        await Expect(alice.Count).ToHaveTextAsync("2 people");
        await Expect(alice.Messages).ToHaveCountAsync(0);
        await alice.SayAsync("in again");
        await Expect(bob.Messages).ToHaveTextAsync(["in", "in again"]);
        await Expect(bob.Notes).ToHaveTextAsync(["alice joined", "alice left", "alice joined"]);

        await alice.Page.ClickAsync("#leave");
        await Expect(alice.Page.Locator("#title")).ToHaveTextAsync("#stay");
        await Expect(bob.Notes.Last).ToHaveTextAsync("alice left");
        alice.AssertNoErrors();
        bob.AssertNoErrors();
    }

    [Fact]
    public async Task One_whom_the_server_refuses_is_told_why_at_the_sign_in()
    {
        BrowserFixture.RequireChromium();
        await using var alice = new ChatWindow(await BrowserWindow.OpenAsync(browser, browser.Front, "/"));
        await alice.Page.ClickAsync("#signin-more summary");
        // Well-formed, for {"sub":"alice"}, and signed by nobody.
        await alice.Page.FillAsync("#signin-token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.");
        await alice.SignInAsync("", "lobby");
        await Expect(alice.SigninError).ToContainTextAsync("token");
        await Expect(alice.Page.Locator("#signin")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task More_rooms_than_the_server_allows_are_refused_and_the_others_stay()
    {
        BrowserFixture.RequireChromium();
        await using var alice = await ChatWindow.JoinAsync(browser, browser.Front, "alice", "many-0");
        const int limit = BrowserFixture.MaxRooms;
        for (var i = 1; i < limit; i++)
            await alice.OpenAsync($"many-{i}");
        await Expect(alice.Page.Locator(".entry")).ToHaveCountAsync(limit);
        await Expect(alice.Count).ToHaveTextAsync("Only you");

        await alice.OpenAsync("one-too-many");
        await Expect(alice.Notice).ToContainTextAsync("Could not join one-too-many");
        await Expect(alice.Page.Locator(".entry")).ToHaveCountAsync(limit);
        await alice.SayAsync("still fine");
        await Expect(alice.Messages).ToHaveTextAsync(["still fine"]);
        alice.AssertNoErrors();
    }

    [Theory]
    [InlineData("/?user=zoe&room=narrow")]
    [InlineData("/toolbox.html")]
    public async Task A_phone_shows_a_page_without_scrolling_sideways(string path)
    {
        BrowserFixture.RequireChromium();
        await using var window = await BrowserWindow.OpenAsync(browser, browser.Front, path, width: 360, height: 740);
        await Expect(window.Page.Locator("h1:visible")).ToBeVisibleAsync();
        Assert.Equal(360, await window.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        if (!path.StartsWith("/?", StringComparison.Ordinal))
            return;
        await Expect(window.Page.Locator("#status")).ToHaveTextAsync("Online");
        await window.Page.ClickAsync("#people-toggle");
        await Expect(window.Page.Locator("#people-list").GetByText("zoe")).ToBeInViewportAsync();
        await window.Page.Keyboard.PressAsync("Escape");
        await Expect(window.Page.Locator("#people")).ToBeHiddenAsync();
        window.AssertNoErrors();
    }
}
