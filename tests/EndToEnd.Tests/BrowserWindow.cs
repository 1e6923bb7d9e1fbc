using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace Realtime.EndToEnd.Tests;

/// <summary>A window on one page, which watches for errors that a person would not see.</summary>
internal sealed class BrowserWindow : IAsyncDisposable
{
    /// <summary>The bound of every wait, in ms: far above what a page needs, for machines that are busy.</summary>
    public const float Timeout = 20_000;

    private readonly IBrowserContext _context;
    private readonly string _address;
    private readonly ConcurrentQueue<string> _errors = [];

    static BrowserWindow() => Assertions.SetDefaultExpectTimeout(Timeout);

    private BrowserWindow(IBrowserContext context, IPage page, string address)
    {
        _context = context;
        _address = address;
        Page = page;
        Watch(page);
    }

    public IPage Page { get; }

    /// <summary>Opens a path of the front.</summary>
    public static Task<BrowserWindow> OpenAsync(BrowserFixture browser, FrontProcess front, string path, int width = 1200, int height = 800) =>
        OpenAsync(browser, front.Address, path, width, height);

    /// <summary>Opens a path of a server: <c>http://127.0.0.1:41234</c>, without a slash at the end.</summary>
    public static async Task<BrowserWindow> OpenAsync(BrowserFixture browser, string address, string path, int width = 1200, int height = 800)
    {
        var context = await browser.NewContextAsync(width, height);
        var window = new BrowserWindow(context, await context.NewPageAsync(), address);
        await window.Page.GotoAsync(address + path);
        return window;
    }

    /// <summary>A second tab of the same person.</summary>
    public async Task<IPage> NewTabAsync(string path)
    {
        var page = await _context.NewPageAsync();
        Watch(page);
        await page.GotoAsync(_address + path);
        return page;
    }

    /// <summary>Fails when a page had an error, or asked any other server for anything.</summary>
    /// <param name="allowed">Parts of messages that the test itself causes: a browser reports every failed request.</param>
    public void AssertNoErrors(params string[] allowed) =>
        Assert.DoesNotContain(_errors, error => !allowed.Any(part => error.Contains(part, StringComparison.Ordinal)));

    public async ValueTask DisposeAsync() => await _context.CloseAsync();

    private void Watch(IPage page)
    {
        page.PageError += (_, error) => _errors.Enqueue(error);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                _errors.Enqueue($"{message.Text} ({message.Location})");
        };
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(_address + "/", StringComparison.Ordinal))
                _errors.Enqueue($"A request to another server: {request.Url}");
        };
    }
}
