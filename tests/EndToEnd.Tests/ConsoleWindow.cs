using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Realtime.EndToEnd.Tests;

/// <summary>What a person sees and does in the console.</summary>
internal sealed class ConsoleWindow(BrowserWindow window) : IAsyncDisposable
{
    public IPage Page => window.Page;

    /// <summary>Whether it is live, in words.</summary>
    public ILocator State => Page.Locator("#state");

    /// <summary>What was done.</summary>
    public ILocator Done => Page.Locator("#done");

    /// <summary>What could not be done.</summary>
    public ILocator Failed => Page.Locator("#failed");

    public ILocator Heading => Page.Locator("#heading");

    /// <summary>Opens a view: <c>#/rooms</c>.</summary>
    public static async Task<ConsoleWindow> OpenAsync(BrowserFixture browser, string address, string view = "", int width = 1200, int height = 900)
    {
        var console = new ConsoleWindow(await BrowserWindow.OpenAsync(browser, address, "/console" + view, width, height));
        await Expect(console.State).ToHaveTextAsync("Live");
        return console;
    }

    /// <summary>The value beside a name.</summary>
    public ILocator Fact(string name) => Page.Locator("dl.facts > div", new() { Has = Page.Locator("dt", new() { HasTextRegex = new($"^{name}$") }) }).Locator("dd");

    /// <summary>The rows of a table that have a text.</summary>
    public ILocator Rows(string table, string text = "") => Page.GetByRole(AriaRole.Table, new() { Name = table, Exact = true }).Locator("tbody tr", new() { HasText = text });

    /// <summary>Presses a row's button, and says yes.</summary>
    public async Task DoAsync(ILocator row, string action)
    {
        await row.GetByRole(AriaRole.Button, new() { NameRegex = new($"^{action}") }).ClickAsync();
        await ConfirmAsync();
    }

    public Task ConfirmAsync() => Page.ClickAsync("#dialog-ok");

    /// <summary>How much wider the page is than the window.</summary>
    public Task<int> OverflowAsync() => Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");

    /// <summary>A picture, where REALTIME_PICTURES names a folder for it.</summary>
    public async Task ShootAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("REALTIME_PICTURES") is { Length: > 0 } folder)
            await Page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{name}.png") });
    }

    public void AssertNoErrors(params string[] allowed) => window.AssertNoErrors(allowed);

    public ValueTask DisposeAsync() => window.DisposeAsync();
}
