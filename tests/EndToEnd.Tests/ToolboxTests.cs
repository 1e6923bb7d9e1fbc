using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Realtime.EndToEnd.Tests;

/// <summary>Frames and HTTP calls by hand, on the toolbox page.</summary>
public sealed partial class ToolboxTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    [Fact]
    public async Task A_call_of_the_HTTP_API_is_seen_to_arrive_on_the_socket()
    {
        BrowserFixture.RequireChromium();
        await using var window = await BrowserWindow.OpenAsync(browser, browser.Front, "/toolbox.html");
        var page = window.Page;
        await ConnectAsync(page, "/ws");
        await SendAsync(page, "Join a room");
        await Expect(Frame(page, "in", "joined")).ToContainTextAsync("\"room\":\"lobby\"");

        await SendAsync(page, "Message to the room");
        await Expect(Frame(page, "in", "ack")).ToContainTextAsync("\"seq\":");
        var sequence = int.Parse(Sequence().Match(await Frame(page, "in", "ack").InnerTextAsync()).Groups[1].Value, CultureInfo.InvariantCulture);
        await Expect(Frame(page, "in", "message")).ToContainTextAsync("\"content\":\"hello\"");

        await page.SelectOptionAsync("#http-template", new SelectOptionValue { Label = "Send to a room" });
        await page.ClickAsync("#call");
        await Expect(page.Locator("#answer-status")).ToHaveTextAsync("200 OK");
        await Expect(page.Locator("#answer-body")).ToContainTextAsync($"\"seq\": {sequence + 1}");
        await Expect(Frame(page, "in", "message").Last).ToContainTextAsync("\"content\":\"hi from HTTP\"");
        await Expect(Frame(page, "in", "message").Last).ToContainTextAsync("\"from\":\"service\"");

        await page.SelectOptionAsync("#http-template", new SelectOptionValue { Label = "Members of a room" });
        await page.ClickAsync("#call");
        await Expect(page.Locator("#answer-body")).ToContainTextAsync("\"alice\"");

        await page.FillAsync("#filter", "hi from");
        await Expect(page.Locator(".frame:visible")).ToHaveCountAsync(1);
        await page.CheckAsync("#pretty");
        await Expect(page.Locator(".frame:visible pre")).ToContainTextAsync("\"content\": \"hi from HTTP\"");
        await page.FillAsync("#filter", "");
        await page.ClickAsync("#clear");
        await Expect(page.Locator(".frame")).ToHaveCountAsync(0);

        await page.FillAsync("#close-reason", "done");
        await page.ClickAsync("#close-form button");
        await Expect(Frame(page, "event", "close")).ToContainTextAsync("1000 normal");
        await Expect(page.Locator("#state")).ToHaveTextAsync("Closed 1000");
        window.AssertNoErrors();
    }

    [Fact]
    public async Task The_echo_endpoint_returns_text_and_binary()
    {
        BrowserFixture.RequireChromium();
        await using var window = await BrowserWindow.OpenAsync(browser, browser.Front, "/toolbox.html");
        var page = window.Page;
        await ConnectAsync(page, "/ws/echo");
        await SendAsync(page, "Plain text");
        await Expect(Frame(page, "in", "text")).ToContainTextAsync("hello");
        await SendAsync(page, "Binary, five bytes");
        await Expect(Frame(page, "in", "binary")).ToContainTextAsync("48 65 6c 6c 6f");
        await Expect(Frame(page, "in", "binary")).ToContainTextAsync("5 bytes");
        window.AssertNoErrors();
    }

    [Fact]
    public async Task Bad_input_is_answered_in_words()
    {
        BrowserFixture.RequireChromium();
        await using var window = await BrowserWindow.OpenAsync(browser, browser.Front, "/toolbox.html");
        var page = window.Page;
        await page.FillAsync("#endpoint", "ftp://example.org/");
        await page.ClickAsync("#connect");
        await Expect(page.Locator("#connect-error")).ToContainTextAsync("not ftp:");
        await ConnectAsync(page, "/ws");

        // Frames that the server refuses: an error in words, and the connection stays.
        await SendAsync(page, "Not JSON");
        await Expect(Frame(page, "in", "error").Last).ToContainTextAsync("bad_request");
        await SendAsync(page, "Unknown type");
        await Expect(Frame(page, "in", "error").Last).ToContainTextAsync("unknown_type");
        await SendAsync(page, "Message to a room not joined");
        await Expect(Frame(page, "in", "error").Last).ToContainTextAsync("not_joined");
        await Expect(page.Locator("#state")).ToHaveTextAsync("Connected");

        await page.CheckAsync("input[value=binary]", new() { Force = true });
        await page.FillAsync("#payload", "48 6");
        await Expect(page.Locator("#payload-note")).ToContainTextAsync("whole bytes");
        await Expect(page.Locator("#send")).ToBeDisabledAsync();
        await page.FillAsync("#payload", "xyz");
        await Expect(page.Locator("#payload-note")).ToContainTextAsync("not a hexadecimal digit");

        await page.FillAsync("#close-code", "1006");
        await page.ClickAsync("#close-form button");
        await Expect(page.Locator("#close-error")).ToContainTextAsync("1000 or with 3000 to 4999");

        await page.GetByText("Headers", new() { Exact = true }).ClickAsync();
        await page.FillAsync("#headers", "nonsense");
        await page.ClickAsync("#call");
        await Expect(page.Locator("#http-error")).ToContainTextAsync("is not a header");
        await page.FillAsync("#headers", "");
        window.AssertNoErrors();

        await page.SelectOptionAsync("#http-template", new SelectOptionValue { Label = "Send to a room" });
        await page.FillAsync("#body", "{}");
        await page.ClickAsync("#call");
        await Expect(page.Locator("#answer-status")).ToContainTextAsync("400");
        await Expect(page.Locator("#answer-body")).ToContainTextAsync("\"code\"");
        window.AssertNoErrors("400"); // Chromium itself reports it

        // Binary where text is due ends the connection, with a code and a reason that are shown.
        await page.FillAsync("#payload", "00");
        await page.ClickAsync("#send");
        await Expect(Frame(page, "event", "close")).ToContainTextAsync("1003");
    }

    [Fact]
    public async Task Addresses_that_are_no_UTF8_are_sent_as_they_are()
    {
        BrowserFixture.RequireChromium();
        await using var window = await BrowserWindow.OpenAsync(browser, browser.Front, "/toolbox.html");
        var page = window.Page;
        await page.FillAsync("#path", "/api/rooms/%ff/nothing");
        await page.ClickAsync("#call");
        await Expect(page.Locator("#answer-status")).ToHaveTextAsync("400 Bad Request");
        await Expect(page.Locator("#http-error")).ToBeHiddenAsync();
        await page.FillAsync("#endpoint", "/ws/%ff");
        await page.ClickAsync("#connect");
        await Expect(page.Locator("#state")).ToHaveTextAsync("Could not connect");
        await Expect(page.Locator("#connect-error")).ToBeHiddenAsync();
        await Expect(Frame(page, "event", "connect")).ToContainTextAsync("%ff");
        window.AssertNoErrors("%ff"); // Chromium itself reports it
    }

    [Fact]
    public async Task A_refused_handshake_is_explained()
    {
        BrowserFixture.RequireChromium();
        await using var window = await BrowserWindow.OpenAsync(browser, browser.Front, "/toolbox.html");
        var page = window.Page;
        await page.SelectOptionAsync("#identity-kind", "none");
        await page.ClickAsync("#connect");
        await Expect(Frame(page, "event", "refused")).ToContainTextAsync("401");
        await Expect(page.Locator("#state")).ToHaveTextAsync("Could not connect");

        await page.SelectOptionAsync("#identity-kind", "user");
        await page.FillAsync("#subprotocol", "unheard-of");
        await page.ClickAsync("#connect");
        await Expect(Frame(page, "event", "refused").Last).ToContainTextAsync("subprotocol");
    }

    [Fact]
    public async Task A_token_gets_in_as_a_subprotocol_and_is_in_no_address()
    {
        BrowserFixture.RequireChromium();
        await using var window = await BrowserWindow.OpenAsync(browser, browser.Front, "/toolbox.html");
        var page = window.Page;
        var sockets = new ConcurrentQueue<string>();
        page.WebSocket += (_, socket) => sockets.Enqueue(socket.Url);
        await page.SelectOptionAsync("#identity-kind", "token");
        await page.FillAsync("#identity", browser.Token("tess"));
        await ConnectAsync(page, "/ws");
        await Expect(Frame(page, "event", "open")).ToContainTextAsync("subprotocol: realtime.json.v1");
        await SendAsync(page, "Join a room");
        await SendAsync(page, "Message to the room");
        await Expect(Frame(page, "in", "message")).ToContainTextAsync("\"from\":\"tess\"");
        await Expect(page.Locator("#connected-to")).Not.ToContainTextAsync("bearer");

        // The JavaScript client, as a page uses it.
        var name = await page.EvaluateAsync<string>("""
            async token => {
              const { RealtimeClient } = await import('/realtime.js');
              const client = new RealtimeClient({ url: '/ws', token });
              await client.connect();
              await client.room('by-token').join();
              const heard = new Promise(resolve => client.on('message', resolve));
              await client.room('by-token').publish('hi');
              const { from } = await heard;
              client.close();
              return from;
            }
            """, browser.Token("theo"));
        Assert.Equal("theo", name);
        Assert.Equal(2, sockets.Count);
        Assert.All(sockets, url => Assert.EndsWith("/ws", url));
        window.AssertNoErrors();

        await page.ClickAsync("#close-form button");
        await page.FillAsync("#identity", "no token");
        await page.ClickAsync("#connect");
        await Expect(page.Locator("#connect-error")).ToContainTextAsync("no subprotocol may have");
    }

    [GeneratedRegex("\"seq\":(\\d+)")]
    private static partial Regex Sequence();

    private static async Task ConnectAsync(IPage page, string endpoint)
    {
        await page.FillAsync("#endpoint", endpoint);
        await page.ClickAsync("#connect");
        await Expect(page.Locator("#state")).ToHaveTextAsync("Connected");
    }

    private static async Task SendAsync(IPage page, string template)
    {
        await page.SelectOptionAsync("#template", new SelectOptionValue { Label = template });
        await page.ClickAsync("#send");
    }

    /// <summary>Entries of the list by direction (in, out, http, event) and kind (a message's type, "text", "close").</summary>
    private static ILocator Frame(IPage page, string direction, string kind) =>
        page.Locator($".frame.{direction}", new() { Has = page.Locator(".kind", new() { HasTextRegex = new($"^{kind}$") }) });
}
