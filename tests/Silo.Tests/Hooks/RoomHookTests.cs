using System.Diagnostics.Metrics;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Silo.Hooks;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests.Hooks;

/// <summary>A silo with a hook that does what the messages say.</summary>
public sealed class HookedSilo : IAsyncLifetime
{
    private InProcessTestCluster? _cluster;

    public IClusterClient Client => _cluster!.Client;

    internal TrialHook Hook { get; } = new();

    /// <summary>Of the time that hooks have: it stands, so that no slow machine makes one late.</summary>
    internal ManualTimeProvider Clock { get; } = new();

    public async ValueTask InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        // Of the fronts that the tests play.
        builder.ConfigureHost(host => host.Configuration.AddInMemoryCollection([new("Leases:FrontLease", "00:05:00")]));
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton(services => new HookRunner(
                services.GetServices<RoomHook>(), services.GetRequiredService<IOptions<HookOptions>>(), Clock, services.GetRequiredService<ILogger<HookRunner>>()));
            silo.AddRealtime(options => options.VacateDelay = TimeSpan.FromSeconds(3)); // longer than two calls take
            silo.Services.AddSingleton(Hook).AddRoomHook<TrialHook>("hooked-*").AddRoomHook<SuffixHook>("hooked-two-*");
            silo.Services.Configure<HookOptions>(options => options.QueueEvents = 50);
        });
        builder.ConfigureClient(client => client.AddRealtimeClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Hook.Release.Set();
        if (_cluster is not null)
            await _cluster.DisposeAsync();
    }
}

internal sealed class TrialHook : IRoomHook
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, Channel<string>> _told = new();

    /// <summary>Ends what blocks.</summary>
    public ManualResetEventSlim Release { get; } = new();

    /// <summary>Calls that have ended.</summary>
    public int Ended;

    /// <summary>Calls that do not end.</summary>
    public int Stuck;

    public ChannelReader<string> Told(string room) => In(room).Reader;

    private Channel<string> In(string room) => _told.GetOrAdd(room, _ => Channel.CreateUnbounded<string>());

    public async ValueTask<PublishDecision> Publishing(RoomPublish publish, CancellationToken cancellation)
    {
        try
        {
            return await Decide(publish, cancellation);
        }
        finally
        {
            Interlocked.Increment(ref Ended);
        }
    }

    private async Task<PublishDecision> Decide(RoomPublish publish, CancellationToken cancellation)
    {
        switch (publish.Content)
        {
            case "no":
                return PublishDecision.Refuse($"{publish.From} may not say {publish.Data} ({publish.IsService}, {publish.Id}).", "no_swearing");
            case "throw":
                throw new InvalidOperationException("thrown");
            case "null":
                return null!;
            case "hang":
                Interlocked.Increment(ref Stuck);
                await Task.Delay(Timeout.Infinite, CancellationToken.None);
                break;
            case "block":
                Interlocked.Increment(ref Stuck);
                Release.Wait(CancellationToken.None);
                break;
            case "callback":
                cancellation.Register(() => throw new InvalidOperationException("thrown by a callback"));
                Interlocked.Increment(ref Stuck);
                await Task.Delay(Timeout.Infinite, cancellation);
                break;
            case "slow":
                await Task.Delay(50, cancellation);
                break;
            case "other":
                return PublishDecision.Replace(new RoomMessage { Content = "replaced " + Guid.NewGuid(), Data = "[1]", From = "nobody" });
            case "nonsense":
                return PublishDecision.Replace(new RoomMessage { Data = "{" });
            case "long":
                return PublishDecision.Replace(new RoomMessage { Content = new string('x', 65537) });
        }
        return PublishDecision.Allow;
    }

    public async ValueTask Published(RoomPublish publish, Receipt receipt, CancellationToken cancellation)
    {
        if (publish.Content == "tell: throw")
            throw new InvalidOperationException("thrown");
        if (publish.Content == "tell: hang")
        {
            Interlocked.Increment(ref Stuck);
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
        }
        In(publish.Room).Writer.TryWrite($"{receipt.Sequence} {publish.From}: {publish.Content ?? Encoding.UTF8.GetString(publish.Body.Span)}");
    }

    public ValueTask Joined(string room, string user, CancellationToken cancellation) => Tell(room, "joined " + user);

    public ValueTask Left(string room, string user, CancellationToken cancellation) => Tell(room, "left " + user);

    public ValueTask Occupied(string room, CancellationToken cancellation) => Tell(room, "occupied");

    public ValueTask Vacated(string room, CancellationToken cancellation) => Tell(room, "vacated");

    private ValueTask Tell(string room, string what)
    {
        In(room).Writer.TryWrite(what);
        return default;
    }
}

internal sealed class SuffixHook : IRoomHook
{
    public ValueTask<PublishDecision> Publishing(RoomPublish publish, CancellationToken cancellation) =>
        new(PublishDecision.Replace(new RoomMessage { Content = publish.Content + "!" }));
}

/// <summary>Hooks of rooms, from outside.</summary>
public sealed class RoomHookTests(HookedSilo silo) : IClassFixture<HookedSilo>
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(20);

    private readonly string _name = "hooked-" + Guid.NewGuid().ToString("N");

    private long _batch;

    private IRoomGrain Room => silo.Client.GetGrain<IRoomGrain>(_name);

    private async Task<RoomReply[]> Submit(params RoomCommand[] commands) => (await Room.Submit("f1", ++_batch, commands)).Replies;

    private static PublishCommand Say(string content, string? id = null) => new("alice", id, Encoding.UTF8.GetBytes($"\"content\":\"{content}\",\"data\":7"));

    private async Task<string> Told() => await silo.Hook.Told(_name).ReadAsync().AsTask().WaitAsync(s_bound);

    private static async Task Until(Func<bool> isSo)
    {
        using var bound = new CancellationTokenSource(s_bound);
        while (!isSo())
            await Task.Delay(5, bound.Token);
    }

    private static string Content(FrontEvent message) => Encoding.UTF8.GetString(message.Body);

    [Fact]
    public async Task A_hook_refuses_replaces_and_fails_one_message_and_the_others_keep_their_order()
    {
        var (ended, stuck) = (Volatile.Read(ref silo.Hook.Ended), Volatile.Read(ref silo.Hook.Stuck));
        var submitted = Submit(
            new JoinCommand("alice", "c1", null), Say("slow"), Say("no", "p1"), Say("throw"), Say("hang"), Say("block"), Say("null"), Say("nonsense"), Say("long"), Say("callback"), Say("other"), Say("last"));
        // The three that do not end are late, when all others have.
        await Until(() => Volatile.Read(ref silo.Hook.Stuck) == stuck + 3 && Volatile.Read(ref silo.Hook.Ended) == ended + 8 && silo.Clock.Running == 3);
        silo.Clock.Advance(new HookOptions().PublishTimeout);
        var replies = await submitted.WaitAsync(s_bound);
        var refused = Assert.IsType<RefusedReply>(replies[2]);
        Assert.Equal(("no_swearing", "alice may not say 7 (False, p1)."), (refused.Code, refused.Reason));
        for (var i = 3; i <= 9; i++)
            Assert.Equal("unavailable", Assert.IsType<RefusedReply>(replies[i]).Code);
        Assert.Equal([1, 2, 3], new[] { 1, 10, 11 }.Select(i => Assert.IsType<PublishedReply>(replies[i]).Receipt.Sequence));
        var kept = (await Room.History()).Messages;
        Assert.Equal("\"content\":\"slow\",\"data\":7", Content(kept[0]));
        Assert.StartsWith("\"content\":\"replaced ", Content(kept[1]));
        Assert.EndsWith("\",\"data\":[1]", Content(kept[1]));
        Assert.Equal("alice", kept[1].From);
        Assert.Equal("\"content\":\"last\",\"data\":7", Content(kept[2]));
    }

    [Fact]
    public async Task Services_are_asked_about_in_the_same_way()
    {
        var error = await Assert.ThrowsAsync<RoomException>(() => Room.Broadcast(new RoomMessage { From = "shop", Content = "no" }));
        Assert.Equal(("no_swearing", "shop may not say  (True, )."), (error.Code, error.Message));
        Assert.Equal("unavailable", (await Assert.ThrowsAsync<RoomException>(() => Room.Broadcast(new RoomMessage { Content = "throw" }))).Code);
        var replies = await Room.BroadcastMany([new() { Content = "one" }, new() { Content = "no" }, new() { Data = "{" }, new() { Content = "other" }]);
        Assert.Equal(1, Assert.IsType<PublishedReply>(replies[0]).Receipt.Sequence);
        Assert.Equal(["no_swearing", "bad_request"], replies[1..3].Select(reply => Assert.IsType<RefusedReply>(reply).Code));
        Assert.Equal(2, Assert.IsType<PublishedReply>(replies[3]).Receipt.Sequence);
        await Room.BroadcastText("not json");
        await Room.BroadcastBinary([65]);
        Assert.Equal("1 : one", await Told());
        Assert.StartsWith("2 : replaced ", await Told());
        Assert.Equal(["3 : not json", "4 : A"], [await Told(), await Told()]);
    }

    [Fact]
    public async Task Ephemeral_messages_are_asked_about_and_not_told()
    {
        var replies = await Submit(new JoinCommand("alice", "c1", null), Say("no") with { IsEphemeral = true }, Say("other") with { IsEphemeral = true }, Say("kept"));
        Assert.Equal("no_swearing", Assert.IsType<RefusedReply>(replies[1]).Code);
        Assert.Equal([0, 1], replies[2..].Select(reply => Assert.IsType<PublishedReply>(reply).Receipt.Sequence));
        var message = new RoomMessage { Content = "no", IsEphemeral = true };
        Assert.Equal("no_swearing", (await Assert.ThrowsAsync<RoomException>(() => Room.Broadcast(message))).Code);
        Assert.Equal("no_swearing", Assert.IsType<RefusedReply>((await Room.BroadcastMany([message]))[0]).Code);
        Assert.Equal(["occupied", "joined alice", "1 alice: kept"], [await Told(), await Told(), await Told()]);
    }

    [Fact]
    public async Task A_repeat_of_a_replaced_message_is_recognised_and_not_asked_about()
    {
        var message = new RoomMessage { From = "shop", Content = "other", Id = "order-7" };
        var first = await Room.Broadcast(message);
        Assert.Equal(first, await Room.Broadcast(message));
        Assert.Equal("id_conflict", (await Assert.ThrowsAsync<RoomException>(() => Room.Broadcast(message with { Content = "else" }))).Code);
        await Submit(new JoinCommand("alice", "c1", null), Say("other", "p1"));
        Assert.Equal(2, Assert.IsType<PublishedReply>((await Submit(Say("other", "p1")))[0]).Receipt.Sequence);
    }

    [Fact]
    public async Task Hooks_are_asked_in_turn_and_only_for_their_rooms()
    {
        var two = silo.Client.GetGrain<IRoomGrain>(_name.Replace("hooked-", "hooked-two-", StringComparison.Ordinal));
        await two.Broadcast(new RoomMessage { Content = "hi" });
        Assert.Equal("\"content\":\"hi!\"", Content((await two.History()).Messages[0]));
        await Assert.ThrowsAsync<RoomException>(() => two.BroadcastText("a frame cannot be replaced"));
        await silo.Client.GetGrain<IRoomGrain>("free-" + _name).Broadcast(new RoomMessage { Content = "throw" });
    }

    [Fact]
    public async Task Who_comes_and_goes_is_told_in_the_rooms_order_whatever_members_are_told()
    {
        await Submit(new JoinCommand("alice", "c1", null), Say("a"), new JoinCommand("alice", "c2", null), new JoinCommand("bob", "c3", null), new LeaveCommand("c1"));
        foreach (var told in new[] { "occupied", "joined alice", "1 alice: a", "joined bob" })
            Assert.Equal(told, await Told());
        for (var i = 0; i < 20; i++) // members are spared most of these
            await Submit(new LeaveCommand("c3"), new JoinCommand("bob", "c3", null));
        for (var i = 0; i < 20; i++)
            Assert.Equal(["left bob", "joined bob"], [await Told(), await Told()]);
        // Nobody for a moment is not vacated.
        await Submit(new LeaveCommand("c2"), new LeaveCommand("c3"));
        await Submit(new JoinCommand("alice", "c1", null));
        await Room.Drop("f1");
        foreach (var told in new[] { "left alice", "left bob", "joined alice", "left alice", "vacated" })
            Assert.Equal(told, await Told());
        await Submit(new JoinCommand("alice", "c1", null));
        Assert.Equal(["occupied", "joined alice"], [await Told(), await Told()]);
    }

    [Fact]
    public async Task A_hook_that_fails_over_what_it_is_told_is_told_the_next_and_one_that_is_behind_misses_some()
    {
        var dropped = 0;
        using var meters = new MeterListener();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "realtime.hook.failures")
                listener.EnableMeasurementEvents(instrument);
        };
        meters.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            if (tags[0].Value is "dropped")
                Interlocked.Add(ref dropped, (int)count);
        });
        meters.Start();
        await Submit(new JoinCommand("alice", "c1", null));
        Assert.Equal(["occupied", "joined alice"], [await Told(), await Told()]);
        var stuck = Volatile.Read(ref silo.Hook.Stuck);
        await Submit(Say("tell: throw"), Say("tell: hang"), Say("b"));
        await EndHang(1);
        Assert.Equal("3 alice: b", await Told());
        await Submit(Say("tell: hang"));
        await Until(() => Volatile.Read(ref silo.Hook.Stuck) == stuck + 2);
        await Submit([.. Enumerable.Range(0, 80).Select(i => Say($"m{i}"))]).WaitAsync(s_bound); // answered though it hangs
        await EndHang(2);
        Assert.Equal("5 alice: m0", await Told());
        Assert.Equal(30, Volatile.Read(ref dropped));

        async Task EndHang(int count)
        {
            await Until(() => Volatile.Read(ref silo.Hook.Stuck) == stuck + count && silo.Clock.Running == 1);
            silo.Clock.Advance(new HookOptions().EventTimeout);
        }
    }
}

/// <summary>What hooks may answer.</summary>
public sealed class PublishDecisionTests
{
    [Fact]
    public void A_refusal_needs_words_and_a_code_and_is_cut()
    {
        Assert.Throws<ArgumentException>(() => PublishDecision.Refuse(" "));
        Assert.Throws<ArgumentException>(() => PublishDecision.Refuse("\ud83d"));
        foreach (var code in new[] { "", "Bad", "a b", new string('x', 65) })
            Assert.Throws<ArgumentException>(() => PublishDecision.Refuse("no", code));
        Assert.Throws<ArgumentNullException>(() => PublishDecision.Replace(null!));
        Assert.Equal(1023, PublishDecision.Refuse(new string('x', 1023) + "\ud83d\ude00").Refusal!.Reason.Length);
        Assert.Equal(new RefusedReply("refused", "no"), PublishDecision.Refuse("no").Refusal);
    }

    [Fact]
    public void Options_and_patterns_are_checked()
    {
        Assert.Throws<ArgumentException>(() => new ServiceCollection().AddRoomHook<SuffixHook>("a*b"));
        Assert.Single(Realtime.Settings.SettingsCheck.Problems("Hooks", new HookOptions { PublishTimeout = TimeSpan.FromSeconds(2) }));
        Assert.Empty(Realtime.Settings.SettingsCheck.Problems("Hooks", new HookOptions()));
        Assert.Single(Realtime.Settings.SettingsCheck.Problems("Rooms", new RoomOptions { VacateDelay = TimeSpan.FromHours(2) }));
    }
}
