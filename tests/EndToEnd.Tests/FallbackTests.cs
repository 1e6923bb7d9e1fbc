using System.Net.Http.Json;
using Microsoft.Playwright;

namespace Realtime.EndToEnd.Tests;

/// <summary>Chromium behind an nginx that is no friend of WebSockets: events come all the same, each once.</summary>
public sealed class FallbackTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    private const string Client = """
        async ([user, room, again]) => {
          const { RealtimeClient } = await import('/realtime.js');
          window.got = [];
          window.client = new RealtimeClient({ url: '/ws', user, retryBase: 50, retryMax: 200, webSocketAgain: again });
          client.on('message', message => got.push(message.content));
          client.on('error', error => got.push(`error ${error.message}`));
          await client.connect();
          await client.room(room).join();
        }
        """;

    [Fact]
    public async Task Where_upgrades_are_refused_or_cut_the_client_does_without_and_goes_back_when_they_pass()
    {
        BrowserFixture.RequireChromium();
        NginxProcess.Require();
        var room = $"room-{Guid.NewGuid():N}";
        await using var nginx = await NginxProcess.StartAsync(browser.Front.Address, NginxProcess.Refuses);
        await using var context = await browser.NewContextAsync(800, 600);
        var page = await context.NewPageAsync();
        await page.GotoAsync($"{nginx.Address}/toolbox.html");
        await page.EvaluateAsync(Client, new object[] { "alice", room, 60_000 });
        Assert.Equal("events", await page.EvaluateAsync<string>("client.transport"));
        // What is published together goes together; what is awaited goes one by one.
        await page.EvaluateAsync("room => Promise.all(Array.from({ length: 20 }, (_, n) => client.room(room).publish(`a${n}`)))", room);
        await page.EvaluateAsync("async room => { for (let n = 0; n < 5; n++) await client.room(room).publish(`b${n}`); }", room);

        // The way breaks, and cuts from then on what it lets through.
        await nginx.StartAgainAsync(NginxProcess.Cuts);
        await PublishAsync(room, "meanwhile");
        await UntilAsync(page, "got.includes('meanwhile')");
        string[] first = [.. Enumerable.Range(0, 20).Select(n => $"a{n}"), .. Enumerable.Range(0, 5).Select(n => $"b{n}"), "meanwhile"];
        await AssertGotAsync(page, first);
        var other = await context.NewPageAsync();
        await other.GotoAsync($"{nginx.Address}/toolbox.html");
        await other.EvaluateAsync(Client, new object[] { "bob", room, 300 });
        await UntilAsync(other, "client.transport === 'events'"); // now and then it was online by one that was cut
        await other.EvaluateAsync("room => client.room(room).publish('c')", room);
        await UntilAsync(page, "got.includes('c')");

        await nginx.StartAgainAsync(NginxProcess.Passes);
        await UntilAsync(other, "client.transport === 'websocket'");
        await other.EvaluateAsync("room => client.room(room).publish('d')", room);
        await UntilAsync(page, "got.includes('d')");
        await AssertGotAsync(page, [.. first, "c", "d"]);
        await AssertGotAsync(other, ["c", "d"]);
        await page.EvaluateAsync("client.close()");
    }

    [Fact]
    public async Task An_event_source_comes_back_by_itself_with_nothing_lost_and_stays_away_when_it_is_told()
    {
        BrowserFixture.RequireChromium();
        NginxProcess.Require();
        var room = $"room-{Guid.NewGuid():N}";
        await using var nginx = await NginxProcess.StartAsync(browser.Front.Address, NginxProcess.Refuses);
        await using var context = await browser.NewContextAsync(800, 600);
        var page = await context.NewPageAsync();
        await page.GotoAsync($"{nginx.Address}/toolbox.html");
        await page.EvaluateAsync("""
            room => {
              window.got = [];
              window.source = new EventSource(`/api/rooms/${room}/events?user=carl`);
              source.addEventListener('joined', event => got.push(`joined ${JSON.parse(event.data).recovered}`));
              source.onmessage = event => got.push(JSON.parse(event.data).content);
            }
            """, room);
        await UntilAsync(page, "got.length === 1");
        await PublishAsync(room, "1");
        await UntilAsync(page, "got.length === 2");
        await nginx.StartAgainAsync(NginxProcess.Refuses);
        await PublishAsync(room, "2");
        await UntilAsync(page, "got.length === 4");
        await PublishAsync(room, "3");
        await UntilAsync(page, "got.length === 5");
        await AssertGotAsync(page, ["joined undefined", "1", "joined true", "2", "3"]);

        using var http = new HttpClient { BaseAddress = new Uri(browser.Front.Address) };
        using var kicked = await http.PostAsync("/api/users/carl/disconnect", null);
        Assert.True(kicked.IsSuccessStatusCode);
        await UntilAsync(page, "source.readyState === EventSource.CLOSED");
    }

    // Not by WaitForFunctionAsync, which the pages' content security policy forbids.
    private static async Task UntilAsync(IPage page, string expression)
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromMilliseconds(BrowserWindow.Timeout));
        while (!await page.EvaluateAsync<bool>($"() => {expression}"))
            await Task.Delay(20, bound.Token);
    }

    private static async Task AssertGotAsync(IPage page, string[] expected) => Assert.Equal(expected, await page.EvaluateAsync<string[]>("got"));

    private async Task PublishAsync(string room, string content)
    {
        using var http = new HttpClient { BaseAddress = new Uri(browser.Front.Address) };
        using var answer = await http.PostAsJsonAsync($"/api/rooms/{room}/messages", new { content });
        Assert.True(answer.IsSuccessStatusCode);
    }
}
