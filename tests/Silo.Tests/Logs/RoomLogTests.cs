using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests.Logs;

/// <summary>What every log does.</summary>
public sealed class RoomLogTests(PostgresFixture postgres)
{
    private readonly ManualTimeProvider _time = new();

    private async Task<IRoomLogs> NewLogs(string provider) =>
        provider switch
        {
            "memory" => new MemoryLogs(),
            "sqlite" => NewFile(),
            _ => new TestLogs(await TestLogs.NewDatabase(postgres), time: _time).Logs,
        };

    private IRoomLogs NewFile()
    {
        var file = new TestFile(Path.Combine(Directory.CreateTempSubdirectory("realtime-log-").FullName, "log.db"), time: _time);
        file.File.Open();
        return file.Logs;
    }

    private static async Task End(IRoomLogs logs)
    {
        if (logs is IAsyncDisposable disposable)
            await disposable.DisposeAsync();
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("postgres")]
    [InlineData("sqlite")]
    public async Task A_new_room_is_empty_and_has_an_epoch_of_its_own(string provider)
    {
        var logs = await NewLogs(provider);
        var (one, two) = (await logs.Open("one", TestLogs.Retention(300)), await logs.Open("two", TestLogs.Retention(300)));
        Assert.Equal((0, 0, 0), (one.Sequence, one.Messages.Length, one.Publishes.Length));
        Assert.Matches("^[0-9a-f]{16}$", one.Epoch);
        Assert.NotEqual(one.Epoch, two.Epoch);
        await End(logs);
    }

    /// <summary>A room on the log, as <see cref="RoomGrain"/> runs it: what it was told and what it gives does not depend on the log.</summary>
    [Theory]
    [InlineData("memory")]
    [InlineData("postgres")]
    [InlineData("sqlite")]
    public async Task A_room_keeps_reads_and_trims_alike_on_every_log(string provider)
    {
        var logs = await NewLogs(provider);
        var options = new RoomOptions { HistoryMessages = 100, HistoryAge = TimeSpan.FromMinutes(10) };
        var room = new Room("lobby", options, _time);
        var opened = await logs.Open("lobby", options.RetentionOf("lobby"));
        room.Open(opened);
        for (var turn = 0; turn < 30; turn++)
        {
            for (var i = 0; i < 10; i++)
                room.Publish(FrontEventKind.Message, "alice", $"{turn}-{i}", Entries.Body($"{turn}-{i}"));
            await opened.Log.Append([.. room.Pending]).AsTask().WaitAsync(TestLogs.Bound);
            opened.Log.Trim(room.Commit());
        }
        Assert.Equal(new Position(opened.Epoch, 300), room.Position);
        Assert.Equal(Enumerable.Range(251, 50), Missed(250)!.Select(message => (int)message.Sequence));
        Assert.Equal(100, Missed(200)!.Length);
        Assert.Null(Missed(199)); // trimmed
        Assert.Null(Missed(301)); // the future

        var page = room.History(before: null, limit: 30, epoch: opened.Epoch);
        Assert.Equal((271, 300, true), (page.Messages[0].Sequence, page.Messages[^1].Sequence, page.More));
        page = room.History(before: 211, limit: 30, epoch: null);
        Assert.Equal((201, 210, false), (page.Messages[0].Sequence, page.Messages[^1].Sequence, page.More));
        Assert.Empty(room.History(before: 5, limit: 30, epoch: null).Messages);

        _time.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal(7, Assert.IsType<PublishedReply>(room.Publish(FrontEventKind.Message, "alice", "0-6", Entries.Body("0-6"))).Receipt.Sequence);
        _time.Advance(TimeSpan.FromMinutes(7));
        Assert.Null(Missed(299)); // too old
        Assert.Empty(Missed(300)!);
        await End(logs);

        FrontEvent[]? Missed(long since)
        {
            var joined = Assert.IsType<JoinedReply>(room.Apply("f", new JoinCommand("bob", $"c{since}", new Position(opened.Epoch, since))));
            return joined.Recovered == true ? joined.Missed : null;
        }
    }

    [Fact]
    public async Task Memory_begins_anew_each_time()
    {
        var logs = new MemoryLogs();
        var first = await logs.Open("lobby", TestLogs.Retention(300));
        await first.Log.Append(Entries.Of(first, 1, 3));
        var second = await logs.Open("lobby", TestLogs.Retention(300));
        Assert.NotEqual(first.Epoch, second.Epoch);
        Assert.Equal(0, second.Sequence);
    }
}
