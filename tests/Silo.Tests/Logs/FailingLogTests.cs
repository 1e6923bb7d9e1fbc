using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests.Logs;

/// <summary>A log that keeps what it is given, when it is not told to fail.</summary>
internal sealed class ShakyLogs : IRoomLogs
{
    private readonly ConcurrentDictionary<string, Kept> _rooms = new();

    /// <summary>Openings fail.</summary>
    public bool IsClosed { get; set; }

    /// <summary>Openings and appends fail with what no log should throw.</summary>
    public bool IsDefect { get; set; }

    /// <summary>Appends fail.</summary>
    public bool Refuses { get; set; }

    /// <summary>What appends fail with is kept all the same: the answer was lost.</summary>
    public bool KeepsWhatItRefuses { get; set; }

    public ValueTask<OpenedLog> Open(string room, Retention retention, string user = "")
    {
        if (IsDefect)
            throw new InvalidOperationException("a defect");
        if (IsClosed)
            throw new LogException("closed");
        var kept = _rooms.GetOrAdd(room, _ => new Kept());
        lock (kept)
        {
            var log = new Log(this, kept, new LogMark(1, ++kept.Term));
            var publishes = kept.Entries.Where(entry => entry.Id is not null).Select(entry => new Realtime.Silo.Rooms.KnownPublish(
                entry.Message.From, entry.Id!, entry.BodyHash, new Receipt(kept.Epoch, entry.Message.Sequence, entry.Message.Timestamp)));
            return new(new OpenedLog(log, kept.Epoch, kept.Entries.Count,
                [.. kept.Entries.Select(entry => entry.Message with { Epoch = kept.Epoch, Order = log.Mark.FirstOrder })], [.. publishes]));
        }
    }

    public async ValueTask<OpenedLog?> Find(string room, Retention retention, string user = "") =>
        _rooms.ContainsKey(room) || IsClosed ? await Open(room, retention) : null;

    public IRoomLog Resume(LogMark mark) => throw new NotSupportedException();

    private sealed class Kept
    {
        public string Epoch { get; } = MemoryLogs.NewEpoch();

        public long Term { get; set; }

        public List<LogEntry> Entries { get; } = [];
    }

    private sealed class Log(ShakyLogs logs, Kept kept, LogMark mark) : IRoomLog
    {
        public LogMark Mark => mark;

        public ValueTask Append(ReadOnlySpan<LogEntry> entries) => Append(entries.ToArray());

        private async ValueTask Append(LogEntry[] entries)
        {
            await Task.Yield();
            lock (kept)
            {
                if (logs.IsDefect)
                    throw new InvalidOperationException("a defect");
                if (kept.Term != mark.Term)
                    throw new LogFencedException("x");
                Assert.Equal(kept.Entries.Count + 1, entries[0].Message.Sequence);
                if (!logs.Refuses || logs.KeepsWhatItRefuses)
                    kept.Entries.AddRange(entries);
                if (logs.Refuses)
                    throw new LogException("refused");
            }
        }

        public void Trim(long before)
        {
        }
    }
}

/// <summary>What a room does when its log fails.</summary>
public sealed class FailingLogTests : IAsyncLifetime
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(20);

    private readonly ShakyLogs _logs = new();
    private InProcessTestCluster _cluster = null!;
    private IRoomGrain _room = null!;
    private FrontListener _front = null!;
    private long _batch;

    public async ValueTask InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureHost(host => host.Configuration.AddInMemoryCollection([new("Leases:FrontLease", "00:05:00")])); // of the front that the tests play
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton<IRoomLogs>(_logs);
            silo.AddRealtime();
        });
        builder.ConfigureClient(client => client.AddRealtimeClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();
        _room = _cluster.Client.GetGrain<IRoomGrain>("lobby");
        _front = new FrontListener("front");
        await _cluster.Client.GetStreamProvider(FrontStreams.Provider).GetStream<FrontEvent>(FrontStreams.Of(_front.Id)).SubscribeAsync(_front);
    }

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    private async Task<RoomReply[]> Submit(params RoomCommand[] commands) =>
        (await _room.Submit(_front.Id, ++_batch, commands).AsTask().WaitAsync(s_bound)).Replies;

    private static JoinCommand Join(string user, Position? since = null) => new(user, $"c-{user}", since);

    private static PublishCommand Say(string content, string? id = null) => new("alice", id, Entries.Body(content));

    private static void IsRefused(RoomReply reply) => Assert.Equal(RoomException.Unavailable, Assert.IsType<RefusedReply>(reply).Code);

    private static long Sequence(RoomReply reply) => Assert.IsType<PublishedReply>(reply).Receipt.Sequence;

    [Fact]
    public async Task What_is_not_kept_is_neither_acknowledged_nor_told_and_the_rest_of_the_turn_counts()
    {
        var position = Assert.IsType<JoinedReply>((await Submit(Join("alice"), Say("a", "1")))[0]).Position;
        _logs.Refuses = true;

        var replies = await Submit(Join("bob", position), Say("b", "2"), Say("b", "2"), Join("carl", position), Say("a", "1"), new LeaveCommand("c-bob"));
        IsRefused(replies[1]);
        IsRefused(replies[2]);
        Assert.Equal(1, Sequence(replies[4])); // of before
        foreach (var joined in new[] { replies[0], replies[3] }.Cast<JoinedReply>())
        {
            Assert.Equal((1, true), (joined.Position.Sequence, joined.Recovered));
            Assert.Equal([1], joined.Missed.Select(message => message.Sequence));
        }
        Assert.IsType<LeftReply>(replies[5]);
        Assert.Equal(["alice", "carl"], (await _room.Members()).Users);
        Assert.Equal(1, (await _room.Describe()).Position.Sequence);
        Assert.Single(await _front.Messages(1).WaitAsync(s_bound));

        // It goes on by itself, in the same epoch, with the members that it had.
        _logs.Refuses = false;
        var next = Assert.IsType<PublishedReply>((await Submit(Say("b", "2")))[0]).Receipt;
        Assert.Equal((position.Epoch, 2), (next.Epoch, next.Sequence));
        var told = await _front.Messages(2).WaitAsync(s_bound);
        Assert.Equal(2, told[1].Sequence);
        Assert.True(told[1].Order > told[0].Order + 1, "a hole, so that fronts ask");
    }

    [Fact]
    public async Task What_was_kept_though_it_failed_counts_once()
    {
        await Submit(Join("alice"), Say("a", "1"));
        (_logs.Refuses, _logs.KeepsWhatItRefuses) = (true, true);
        IsRefused((await Submit(Say("b", "2")))[0]);
        (_logs.Refuses, _logs.KeepsWhatItRefuses) = (false, false);

        var replies = await Submit(Say("b", "2"), Say("c", "3"), new SyncCommand([new Member("alice", "c-alice")], (await _room.Describe()).Position with { Sequence = 1 }));
        Assert.Equal(2, Sequence(replies[0]));
        Assert.Equal(3, Sequence(replies[1]));
        var synced = Assert.IsType<SyncedReply>(replies[2]);
        Assert.Equal([2, 3], synced.Missed.Select(message => message.Sequence));
        Assert.True(synced.Complete);
    }

    [Fact]
    public async Task A_room_whose_log_cannot_be_opened_refuses_joins_and_publishes_and_remembers_who_synced()
    {
        _logs.IsClosed = true;
        var replies = await Submit(Join("alice"), Say("a"), new SyncCommand([new Member("bob", "c-bob")], null), new LeaveCommand("c-x"));
        IsRefused(replies[0]);
        IsRefused(replies[1]);
        IsRefused(replies[2]);
        Assert.IsType<LeftReply>(replies[3]);
        foreach (var call in new Func<Task>[] { () => _room.Broadcast(new RoomMessage { Content = "x" }), () => _room.History(), () => _room.Describe() })
            Assert.Equal(RoomException.Unavailable, (await Assert.ThrowsAsync<RoomException>(call)).Code);

        _logs.IsClosed = false;
        Assert.Equal(1, (await _room.Broadcast(new RoomMessage { Content = "x" })).Sequence);
        Assert.Single(await _front.Messages(1).WaitAsync(s_bound)); // the front of bob
        Assert.Equal(["bob"], (await _room.Members()).Users);
    }

    [Fact]
    public async Task A_defect_of_the_log_costs_what_was_to_be_kept_and_not_the_room()
    {
        await Submit(Join("alice"), Say("a", "1"));
        _logs.IsDefect = true;
        var replies = await Submit(Say("b", "2"), Join("bob"));
        IsRefused(replies[0]);
        Assert.IsType<JoinedReply>(replies[1]);
        IsRefused((await Submit(Say("b", "2")))[0]); // now it cannot be opened
        Assert.Equal(RoomException.Unavailable,
            (await Assert.ThrowsAsync<RoomException>(() => _cluster.Client.GetGrain<IRoomGrain>("other").Broadcast(new RoomMessage { Content = "x" }))).Code);
        _logs.IsDefect = false;
        Assert.Equal(2, Sequence((await Submit(Say("b", "2")))[0]));
        Assert.Equal(["alice", "bob"], (await _room.Members()).Users);
    }

    [Fact]
    public async Task A_read_of_a_room_without_a_log_makes_none()
    {
        Assert.Empty((await _room.History()).Messages);
        Assert.Equal("", (await _room.Describe()).Position.Epoch);
        Assert.Null(await _logs.Find("lobby", TestLogs.Retention(300)));
        await Submit(Join("alice"), Say("a"));
        Assert.Single((await _room.History()).Messages);
    }

    [Fact]
    public async Task A_room_that_has_lost_its_log_to_another_activation_goes()
    {
        await Submit(Join("alice"), Say("a", "1"));
        await _logs.Open("lobby", TestLogs.Retention(300));
        IsRefused((await Submit(Say("b", "2")))[0]);
        // Whoever is called next is another activation: it knows no members, and goes on in the log.
        using var bound = new CancellationTokenSource(s_bound);
        while ((await _room.Members()).Total > 0)
            bound.Token.ThrowIfCancellationRequested();
        Assert.Equal(2, (await _room.Broadcast(new RoomMessage { From = "alice", Content = "b", Id = "2" })).Sequence);
    }
}
