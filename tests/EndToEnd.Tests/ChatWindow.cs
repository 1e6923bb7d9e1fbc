using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Realtime.EndToEnd.Tests;

/// <summary>What a person does on the chat page, and sees there.</summary>
internal sealed class ChatWindow(BrowserWindow window) : IAsyncDisposable
{
    public IPage Page => window.Page;

    /// <summary>The state of the connection in words.</summary>
    public ILocator Status => Page.Locator("#status");

    /// <summary>How many people are in the room.</summary>
    public ILocator Count => Page.Locator("#count");

    /// <summary>What went wrong, above the messages.</summary>
    public ILocator Notice => Page.Locator("#notice-text");

    public ILocator SigninError => Page.Locator("#signin-error");

    /// <summary>Lines about the room: who came and went, what was missed.</summary>
    public ILocator Notes => Page.Locator(".note");

    public ILocator Messages => Page.Locator(".lines:not(.outgoing) .message:not([data-state=failed]) .text");

    public ILocator OwnMessages => Page.Locator(".lines:not(.outgoing) .message.own .text");

    /// <summary>Messages that have not come back from the room yet.</summary>
    public ILocator Outgoing => Page.Locator(".outgoing .message:visible");

    /// <summary>Messages that were refused, with the words why.</summary>
    public ILocator Failed => Page.Locator(".message[data-state=failed]");

    public ILocator People => Page.Locator("#people-list .person-name");

    /// <summary>Signs in with the keyboard alone, as the form invites to.</summary>
    public static Task<ChatWindow> JoinAsync(BrowserFixture browser, FrontProcess front, string user, string room, int width = 1200, int height = 800) =>
        JoinAsync(browser, front.Address, user, room, width, height);

    /// <summary>The same at an address: <c>http://127.0.0.1:41234</c>.</summary>
    public static async Task<ChatWindow> JoinAsync(BrowserFixture browser, string address, string user, string room, int width = 1200, int height = 800)
    {
        var chat = new ChatWindow(await BrowserWindow.OpenAsync(browser, address, "/", width, height));
        await chat.SignInAsync(user, room);
        await Expect(chat.Status).ToHaveTextAsync("Online");
        await Expect(chat.Count).Not.ToBeEmptyAsync();
        return chat;
    }

    public async Task SignInAsync(string user, string room)
    {
        await Page.FillAsync("#signin-name", user);
        await Page.PressAsync("#signin-name", "Tab");
        await Page.FillAsync("#signin-room", room);
        await Page.PressAsync("#signin-room", "Enter");
    }

    public async Task SayAsync(string text)
    {
        await Page.FillAsync("#text", text);
        await Page.PressAsync("#text", "Enter");
    }

    /// <summary>Opens a room, or a person by <c>@name</c>.</summary>
    public async Task OpenAsync(string name)
    {
        await Page.FillAsync("#open-name", name);
        await Page.PressAsync("#open-name", "Enter");
    }

    /// <summary>The entry of a conversation in the list: <c>#lobby</c> or <c>@bob</c>.</summary>
    public ILocator Entry(string key) =>
        Page.Locator(".entry", new() { Has = Page.Locator(".entry-name", new() { HasTextRegex = new($"^{key}$") }) });

    public Task<IPage> NewTabAsync(string path) => window.NewTabAsync(path);

    public void AssertNoErrors(params string[] allowed) => window.AssertNoErrors(allowed);

    public ValueTask DisposeAsync() => window.DisposeAsync();
}
