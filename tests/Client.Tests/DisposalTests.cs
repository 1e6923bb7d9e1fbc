
namespace Realtime.Client.Tests;

/// <summary>Whatever is under way when a client is disposed of, everything that waits comes to its end, and soon.</summary>
public sealed class DisposalTests(RealServer server)
{
    private const int Rounds = 100;

    [Fact]
    public async Task In_every_state_all_that_waits_ends()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("REALTIME_SEED"), out var given) ? given : Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"REALTIME_SEED={seed}");
        await using var proxy = new CutProxy(new UriBuilder(server.Address) { Scheme = "http", Path = "" }.Uri.ToString());
        var through = new Uri(proxy.Address.Replace("http", "ws", StringComparison.Ordinal) + "/ws");
        await using var refusing = new UpgradeProxy(server.Address, UpgradeProxy.Mind.Refuses);
        await using var cutting = new UpgradeProxy(server.Address, UpgradeProxy.Mind.Cuts);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(lane => Task.Run(async () =>
        {
            var random = new Random(seed + lane);
            for (var round = 0; round < Rounds / 4; round++)
                await Round(random, random.Next(4) switch { 0 => refusing.Address, 1 => cutting.Address, _ => through }, [proxy.Cut, refusing.Cut, cutting.Cut]);
        })));
    }

    private static async Task Round(Random random, Uri through, Action[] cuts)
    {
        var address = random.Next(6) switch { 0 => new Uri("ws://127.0.0.1:1/ws"), 1 => new($"{through}-wrong"), _ => through };
        var client = Clients.Make(address, options => (options.User, options.WebSocketAgain) = ($"user-{random.Next(3)}", TimeSpan.FromMilliseconds(50)));
        var rooms = new List<RealtimeRoom>();
        var waiting = new List<(string What, Task Task)>();
        for (var step = random.Next(12); step >= 0; step--)
        {
            var room = rooms.Count > 0 ? rooms[random.Next(rooms.Count)] : null;
            switch (random.Next(14))
            {
                case 0: waiting.Add(("ConnectAsync", client.ConnectAsync())); break;
                case 1 or 2: waiting.Add(("JoinAsync", client.JoinAsync($"disposal-{random.Next(3)}"))); break;
                case 3 when await Within(client.JoinAsync($"disposal-{random.Next(3)}")) is { } joined: rooms.Add(joined); break;
                case 4: waiting.Add(("OpenInboxAsync", client.OpenInboxAsync())); break;
                case 5: waiting.Add(("SendToAsync", client.SendToAsync("user-1", "psst"))); break;
                case 6: waiting.Add(("CallAsync", client.CallAsync("nothing"))); break;
                case 7 when room is not null: waiting.Add(("PublishAsync", room.PublishAsync("x"))); break;
                case 8 when room is not null: waiting.Add(("MessagesAsync", room.MessagesAsync().ToList())); break;
                case 9 when room is not null: waiting.Add(("LeaveAsync", room.LeaveAsync())); break;
                case 10 when room is not null: waiting.Add(("MembersAsync", room.MembersAsync())); break;
                case 11: waiting.Add(("DirectMessagesAsync", client.DirectMessagesAsync().ToList())); break;
                case 12: cuts[random.Next(cuts.Length)](); break;
                case 13 when random.Next(4) == 0: waiting.Add(("CloseAsync", client.CloseAsync())); break;
                default: await Task.Delay(random.Next(15)); break;
            }
        }
        switch (random.Next(3))
        {
            case 0: client.Dispose(); break;
            case 1: await Task.WhenAll(client.DisposeAsync().AsTask(), client.DisposeAsync().AsTask()).Soon(); break;
            default: await client.DisposeAsync().AsTask().Soon(); break;
        }
        foreach (var (what, task) in waiting)
        {
            try
            {
                await task.WaitAsync(TimeSpan.FromSeconds(10));
            }
            catch (Exception exception) when (exception is RealtimeException or ObjectDisposedException or InvalidOperationException)
            {
                // It was closed, left, refused, or read by another already.
            }
            catch (TimeoutException)
            {
                Assert.Fail($"{what} does not end.");
            }
        }
        Assert.Equal(RealtimeState.Closed, client.Status.State);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.JoinAsync("x"));
    }

    private static async Task<RealtimeRoom?> Within(Task<RealtimeRoom> joining)
    {
        try
        {
            return await joining.WaitAsync(TimeSpan.FromMilliseconds(100));
        }
        catch (Exception exception) when (exception is TimeoutException or RealtimeException)
        {
            return null;
        }
    }
}
