using Microsoft.Playwright;
using Realtime.Processes;
using static Microsoft.Playwright.Assertions;

namespace Realtime.EndToEnd.Tests;

/// <summary>The page of samples/Typing in two windows: presence with data and ephemeral messages, as a person sees them.</summary>
public sealed class TypingSampleTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    [Fact]
    public async Task Two_people_see_each_other_s_colour_cursor_and_typing()
    {
        BrowserFixture.RequireChromium();
        await using var server = ServerProcess.Start(ProcessStart.OfServer("Typing", "the sample", Ports.Free(), []));
        await server.WaitUntilReady();
        var address = server.Address.ToString().TrimEnd('/');
        await using var alice = await BrowserWindow.OpenAsync(browser, address, "/?user=alice");
        await Expect(alice.Page.Locator("#people li")).ToHaveTextAsync(["alice (you)"]);
        await using var bob = await BrowserWindow.OpenAsync(browser, address, "/?user=bob");
        await Expect(bob.Page.Locator("#people li")).ToHaveTextAsync(["alice", "bob (you)"]);
        await Expect(alice.Page.Locator("#people li")).ToHaveTextAsync(["alice (you)", "bob"]);

        await alice.Page.Locator("#colour").EvaluateAsync("input => { input.value = '#ff0000'; input.dispatchEvent(new Event('change')); }");
        await Expect(bob.Page.Locator("#people li").First).ToHaveCSSAsync("color", "rgb(255, 0, 0)");

        await alice.Page.Locator("#board").HoverAsync(new() { Position = new() { X = 100, Y = 50 } });
        await Expect(bob.Page.Locator("#cursor-alice")).ToBeVisibleAsync();
        await Expect(alice.Page.Locator(".cursor")).ToHaveCountAsync(0); // no echo

        await alice.Page.Locator("#text").PressSequentiallyAsync("hi");
        await Expect(bob.Page.Locator("#typing")).ToContainTextAsync("alice types");
        await alice.Page.Locator("#text").PressAsync("Enter");
        await Expect(bob.Page.Locator("#messages li")).ToHaveTextAsync(["alice: hi"]);
        await Expect(bob.Page.Locator("#typing")).Not.ToContainTextAsync("alice");

        await bob.DisposeAsync();
        await Expect(alice.Page.Locator("#people li")).ToHaveTextAsync(["alice (you)"]);
        alice.AssertNoErrors();
    }
}
