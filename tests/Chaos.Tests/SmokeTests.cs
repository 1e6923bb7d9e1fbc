using System.Diagnostics;
using Realtime.Chaos.Checking;
using Realtime.Chaos.Clients;
using Realtime.Chaos.Clusters;

namespace Realtime.Chaos.Tests;

public sealed class SmokeTests(ITestOutputHelper output)
{
    private static readonly TimeSpan s_bound = TimeSpan.FromMinutes(2);

    /// <summary>A short run with all kinds of ends in it.</summary>
    [Fact]
    public async Task Every_guarantee_holds_while_silos_and_fronts_die()
    {
        // The seed has silos stopped and killed and a front killed, early enough that a slow machine comes to it.
        var options = ChaosOptions.Parse(["--seconds", "14", "--kill-every", "2", "--members", "24", "--streams", "12", "--sessions", "6", "--publishers", "8", "--rooms", "4", "--inboxes", "3", "--rate", "100", "--seed", "3"]);
        var clock = Stopwatch.StartNew();
        using var table = new StringWriter();
        await using var webhooks = await WebhookListener.Start(clock, options.Seed);
        await using var cluster = await InProcessCluster.Start(options.Silos, options.Fronts, webhooks.Settings, null);
        var run = new Run(options, cluster, webhooks, clock, table);

        await run.Execute().WaitAsync(s_bound);

        Report.Write(table, options, run.Result);
        output.WriteLine(table.ToString());
        Assert.Empty(run.Result.Verdict.Findings);
        Assert.Contains("chaos: every guarantee held", table.ToString());
        Assert.True(run.Result.Strikes.Count >= 2);
        var events = run.Result.History.Clients.SelectMany(client => client.Events).ToArray();
        Assert.Contains(events, item => item.Kind == EventKind.Lost);
        Assert.Contains(events, item => item is { Kind: EventKind.Joined, Recovered: true });
        Assert.Equal(12 + 3, run.Result.Streams.Count); // of rooms, and of inboxes
        var pages = run.Result.Streams.Where(stream => Inbox.UserOf(stream.Rooms[0]) is not null).ToArray();
        Assert.Equal(3, pages.Length);
        Assert.All(pages, page => Assert.Contains(page.Events, item => item.Kind == EventKind.Message));
        var sessions = run.Result.History.Clients.Where(client => client.Client.StartsWith("session", StringComparison.Ordinal)).ToArray();
        Assert.Equal(6, sessions.Length);
        Assert.All(sessions, session => Assert.Contains(session.Events, item => item.Kind == EventKind.Message));
        Assert.Contains(sessions, session => session.Events.Exists(item => item.Kind == EventKind.Lost));
        Assert.True(run.Result.History.Publishes.Count(publish => publish.Id.StartsWith("session", StringComparison.Ordinal) && publish.Ack is not null) > 20);
        Assert.Equal(8, run.Result.Library.Count);
        Assert.Contains(run.Result.Library, client => client.Events.Exists(item => item is { Kind: EventKind.Joined, Recovered: not null }));
        Assert.Contains(run.Result.History.Publishes, publish => publish.Ack is not null && run.Result.Library.Any(client => publish.Id.StartsWith($"{client.Client}-", StringComparison.Ordinal)));
        Assert.Contains(run.Result.Streams, stream => stream.Events.Exists(item => item.Kind == EventKind.Lost));
        Assert.Contains(run.Result.Streams, stream => stream.Events.Exists(item => item is { Kind: EventKind.Joined, Recovered: not null }));
        Assert.True(run.Result.Webhooks is { Requests: > 10, Repeats: > 0 });
        Assert.True(run.Result.History.Publishes.Count(publish => publish.Ack is not null) > 300);
    }
}
