using Microsoft.Playwright;
using Realtime.Processes;
using static Microsoft.Playwright.Assertions;

namespace Realtime.EndToEnd.Tests;

/// <summary>The page of samples/Board in two windows: the state of a room, as people see it who share a board.</summary>
public sealed class BoardSampleTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    [Fact]
    public async Task A_note_of_one_window_is_in_the_other_and_still_there_after_a_reload()
    {
        BrowserFixture.RequireChromium();
        await using var server = ServerProcess.Start(ProcessStart.OfServer("Board", "the sample", Ports.Free(), []));
        await server.WaitUntilReady();
        var address = server.Address.ToString().TrimEnd('/');
        await using var alice = await BrowserWindow.OpenAsync(browser, address, "/board.html");
        await using var bob = await BrowserWindow.OpenAsync(browser, address, "/board.html");
        foreach (var window in new[] { alice, bob })
            await Expect(window.Page.Locator("#status")).ToHaveTextAsync("", new() { Timeout = 60_000 });
        await Expect(Notes(bob)).ToHaveCountAsync(0);

        await alice.Page.Mouse.DblClickAsync(300, 200);
        await Notes(alice).PressSequentiallyAsync("buy milk");
        await Expect(Notes(bob)).ToHaveValueAsync("buy milk");
        Assert.Equal((300, 200), await PlaceOfAsync(bob));

        // By its head.
        await bob.Page.Mouse.MoveAsync(350, 210);
        await bob.Page.Mouse.DownAsync();
        await bob.Page.Mouse.MoveAsync(450, 260, new() { Steps = 3 });
        await bob.Page.Mouse.UpAsync();
        await Expect(Notes(alice)).ToHaveCSSAsync("left", "400px");
        await Expect(Notes(alice)).ToHaveCSSAsync("top", "250px");

        foreach (var window in new[] { alice, bob })
        {
            await window.Page.ReloadAsync();
            await Expect(Notes(window)).ToHaveValueAsync("buy milk");
            Assert.Equal((400, 250), await PlaceOfAsync(window));
        }

        // Emptied, it is gone for both.
        await Notes(alice).FillAsync("");
        await Notes(alice).BlurAsync();
        await Expect(Notes(bob)).ToHaveCountAsync(0);
        await bob.Page.ReloadAsync();
        await Expect(bob.Page.Locator("#status")).ToHaveTextAsync("");
        await Expect(Notes(bob)).ToHaveCountAsync(0);
        alice.AssertNoErrors();
        bob.AssertNoErrors();
    }

    private static ILocator Notes(BrowserWindow window) => window.Page.Locator("textarea");

    private static async Task<(float, float)> PlaceOfAsync(BrowserWindow window) =>
        await Notes(window).BoundingBoxAsync() is { } box ? (box.X, box.Y) : default;
}
