using System.Text;
using Microsoft.Extensions.Configuration;
using Orleans;
using Orleans.Hosting;
using Orleans.Streams;
using Orleans.TestingHost;
using Realtime.Grains;

namespace Realtime.Silo.Tests;

/// <summary>Two silos with the product's grains, and a client.</summary>
public sealed class SiloCluster : IAsyncLifetime
{
    private InProcessTestCluster? _cluster;

    public IClusterClient Client => _cluster!.Client;

    public async ValueTask InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(2);
        // So that the suite can be run with other settings, as with Streams__Provider=memory.
        builder.ConfigureHost(host => host.Configuration.AddEnvironmentVariables().AddInMemoryCollection([new("Leases:FrontLease", "00:05:00")])); // of the fronts that the tests play
        builder.ConfigureSilo((_, silo) => silo.AddRealtime());
        builder.ConfigureClient(client => client.AddRealtimeClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
    }
}

/// <summary>The grains on Orleans.</summary>
public sealed class GrainTests(SiloCluster cluster) : IClassFixture<SiloCluster>
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(20);

    private readonly string _name = "room-" + Guid.NewGuid().ToString("N");

    private IRoomGrain Room => cluster.Client.GetGrain<IRoomGrain>(_name);

    private long _batch;

    private async Task<RoomReply[]> Submit(string front, RoomCommand[] commands) =>
        (await Room.Submit(front, ++_batch, commands)).Replies;

    private IUserPartitionGrain Partition(string user) => cluster.Client.GetGrain<IUserPartitionGrain>(IUserPartitionGrain.KeyOf(user));

    /// <summary>What a front tells of a user's connections.</summary>
    private Task<UsersReply> Tell(string front, UserChange change) =>
        Partition(change.User).Submit(front, ++_batch, isAll: false, [change]).AsTask();

    private async Task<FrontListener> NewFront()
    {
        var front = new FrontListener("front-" + Guid.NewGuid().ToString("N"));
        var stream = cluster.Client.GetStreamProvider(FrontStreams.Provider).GetStream<FrontEvent>(FrontStreams.Of(front.Id));
        await stream.SubscribeAsync(front);
        return front;
    }

    [Fact]
    public async Task A_broadcast_reaches_each_front_once_in_order_whatever_the_members()
    {
        var (one, two) = (await NewFront(), await NewFront());
        var joins = Enumerable.Range(0, 250).Select(i => (RoomCommand)new JoinCommand($"u{i}", $"c{i}", null)).ToArray();
        await Submit(one.Id, joins);
        await Submit(two.Id, [.. joins.Take(1)]);

        for (var i = 1; i <= 20; i++)
            Assert.Equal(i, (await Room.Broadcast(new RoomMessage { From = "service", Content = $"m{i}" })).Sequence);

        foreach (var front in new[] { one, two })
        {
            var messages = await front.Messages(20).WaitAsync(s_bound);
            Assert.Equal(Enumerable.Range(1, 20).Select(i => (long)i), messages.Select(message => message.Sequence));
            Assert.Equal("\"content\":\"m1\"", Encoding.UTF8.GetString(messages[0].Body));
        }
    }

    [Fact]
    public async Task Text_and_binary_travel_as_they_are()
    {
        var front = await NewFront();
        await Submit(front.Id, [new JoinCommand("alice", "c1", null)]);
        await Room.BroadcastText("not json");
        await Room.BroadcastBinary([0, 255]);
        var messages = await front.Messages(2).WaitAsync(s_bound);
        Assert.Equal((FrontEventKind.Text, "not json"), (messages[0].Kind, Encoding.UTF8.GetString(messages[0].Body)));
        Assert.Equal(FrontEventKind.Binary, messages[1].Kind);
        Assert.Equal([0, 255], messages[1].Body);
    }

    [Fact]
    public async Task A_room_is_listed_while_somebody_is_in_it()
    {
        var all = cluster.Client.GetGrain<IClusterGrain>(IClusterGrain.Key);
        await Submit("f1", [new JoinCommand("alice", "c1", null)]);
        Assert.Contains((await all.Rooms()).Rooms, room => room == new RoomSummary(_name, 1));
        await Submit("f1", [new LeaveCommand("c1")]);
        Assert.DoesNotContain((await all.Rooms()).Rooms, room => room.Room == _name);
        Assert.Equal(0, (await Room.Describe()).Members);
    }

    [Fact]
    public async Task An_empty_room_still_resumes_who_comes_back()
    {
        await Submit("f1", [new JoinCommand("alice", "c1", null), new PublishCommand("alice", null, "\"content\":\"a\""u8.ToArray())]);
        var replies = await Submit("f1", [new PublishCommand("alice", null, "\"content\":\"b\""u8.ToArray()), new LeaveCommand("c1")]);
        var receipt = Assert.IsType<PublishedReply>(replies[0]).Receipt;
        replies = await Submit("f1", [new JoinCommand("alice", "c2", new Position(receipt.Epoch, 1))]);
        var joined = Assert.IsType<JoinedReply>(replies[0]);
        Assert.True(joined.Recovered);
        Assert.Equal(2, Assert.Single(joined.Missed).Sequence);
    }

    [Fact]
    public async Task A_user_is_reached_on_every_front_once()
    {
        var (one, two) = (await NewFront(), await NewFront());
        var user = cluster.Client.GetGrain<IUserGrain>("user-" + _name);
        Assert.Equal(0, await user.Send(new RoomMessage { Content = "away" }));
        await Attach(one.Id, "c1");
        await Attach(one.Id, "c2");
        await Attach(two.Id, "c3");
        await Attach(two.Id, "c3"); // a repeat

        Assert.Equal(3, await user.Send(new RoomMessage { From = "bob", Content = "psst" }));
        Assert.Equal("bob", (await one.Messages(1).WaitAsync(s_bound))[0].From);
        Assert.Equal("bob", (await two.Messages(1).WaitAsync(s_bound))[0].From);

        await Detach(one.Id, "c1");
        await Detach(one.Id, "c2");
        Assert.Equal(1, await user.Send(new RoomMessage { Content = "again" }));
        Assert.Single((await user.Describe()).Connections);
        await Detach(two.Id, "c3");
        Assert.Empty((await user.Describe()).Connections);

        Task Attach(string front, string connection) => Tell(front, new UserChange("user-" + _name, connection, DateTimeOffset.UnixEpoch));
        Task Detach(string front, string connection) => Tell(front, new UserChange("user-" + _name, connection, null));
    }

    [Fact]
    public async Task A_repeated_broadcast_id_gets_the_first_receipt()
    {
        var message = new RoomMessage { From = "billing", Content = "paid", Id = "order-7" };
        var first = await Room.Broadcast(message);
        Assert.Equal(first, await Room.Broadcast(message));
        var conflict = await Assert.ThrowsAsync<RoomException>(() => Room.Broadcast(message with { Content = "other" }));
        Assert.Equal(RoomException.IdConflict, conflict.Code);
    }

    [Theory]
    [InlineData(null, null, "needs content or data")]
    [InlineData(null, "{", "must be one JSON value")]
    [InlineData(null, "1 2", "must be one JSON value")]
    public async Task Bad_messages_are_refused(string? content, string? data, string why)
    {
        var error = await Assert.ThrowsAsync<RequestException>(() => Room.Broadcast(new RoomMessage { Content = content, Data = data }));
        Assert.Contains(why, error.Message);
    }

    [Fact]
    public async Task What_is_sent_has_one_bound_whoever_it_is_for()
    {
        var user = cluster.Client.GetGrain<IUserGrain>(_name);
        var all = cluster.Client.GetGrain<IClusterGrain>(IClusterGrain.Key);
        var (text, data) = (new string('x', 65537), new byte[65537]);
        RoomMessage[] messages = [new() { Content = text }, new() { Data = $"\"{text}\"" }, new() { Content = new string('\u0001', 11_000) }];
        foreach (var message in messages)
        {
            await Refused(() => Room.Broadcast(message));
            await Refused(() => user.Send(message));
            await Refused(() => all.Broadcast(message));
        }
        await Refused(() => Room.BroadcastText(text));
        await Refused(() => Room.BroadcastText(new string('ä', 32769)));
        await Refused(() => Room.BroadcastBinary(data));
        await Refused(() => user.SendText(text));
        await Refused(() => user.SendBinary(data));
        await Refused(() => Partition(_name).Deliver(_name, "alice", Encoding.UTF8.GetBytes($"\"content\":\"{text}\"")));
        await Refused(() => all.BroadcastText(text));
        await Refused(() => all.BroadcastBinary(data));
        Assert.Equal(0, (await Room.Describe()).Position.Sequence);
        Assert.Equal(1, (await Room.BroadcastText(text[1..])).Sequence);
        Assert.Equal(2, (await Room.Broadcast(new RoomMessage { Content = text[1..], Data = " [1] " })).Sequence);

        static async Task Refused(Func<Task> call)
        {
            var error = await Assert.ThrowsAsync<RequestException>(call);
            Assert.Equal(RequestException.ContentTooLong, error.Code);
            Assert.Contains("65536", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("\"content\":\"\\ud83d\"", "bad_request")]
    [InlineData("\"content\":7", "bad_request")]
    [InlineData("\"data\":{", "bad_request")]
    [InlineData("\"data\":1,\"from\":\"bob\"", "bad_request")]
    [InlineData("\"content\":\"x\",\"from\":\"bob\"", "bad_request")]
    [InlineData("", "bad_request")]
    [InlineData("x", "bad_request")]
    public async Task A_body_that_a_front_has_not_checked_is_refused(string body, string code)
    {
        await Submit("f1", [new JoinCommand("alice", "c1", null)]);
        var replies = await Submit("f1", [new PublishCommand("alice", null, Encoding.UTF8.GetBytes(body)), new PublishCommand(" ", null, "\"data\":1"u8.ToArray()), new PublishCommand("alice", null, "\"data\":1"u8.ToArray())]);
        Assert.Equal(code, Assert.IsType<RefusedReply>(replies[0]).Code);
        Assert.Equal("name_invalid", Assert.IsType<RefusedReply>(replies[1]).Code);
        Assert.Equal(1, Assert.IsType<PublishedReply>(replies[2]).Receipt.Sequence);
        var error = await Assert.ThrowsAsync<RequestException>(() => Partition(_name).Deliver(_name, "alice", Encoding.UTF8.GetBytes(body)));
        Assert.Equal(code, error.Code);
    }

    [Fact]
    public async Task Data_of_a_service_can_be_read_by_all()
    {
        Func<Task>[] calls =
        [
            () => Room.Broadcast(new RoomMessage { Data = "\"cut\\ud83d\"" }),
            () => Room.Broadcast(new RoomMessage { Data = new string('[', 33) + new string(']', 33) }),
            () => Room.Broadcast(new RoomMessage { Content = "x", Id = new string('x', 129) }),
        ];
        foreach (var call in calls)
            Assert.Equal(RequestException.BadRequest, (await Assert.ThrowsAsync<RequestException>(call)).Code);
    }

    [Fact]
    public async Task Bad_names_and_limits_are_refused()
    {
        await Refused("U+000A", () => cluster.Client.GetGrain<IRoomGrain>("a\nb").Describe());
        await Refused("is '..'", () => cluster.Client.GetGrain<IRoomGrain>("..").Broadcast(new RoomMessage { Content = "x" }));
        await Refused("white space", () => cluster.Client.GetGrain<IRoomGrain>(" a").Members());
        await Refused("too long", () => cluster.Client.GetGrain<IUserGrain>(new string('x', 129)).Describe());
        await Refused("U+202E", () => cluster.Client.GetGrain<IUserGrain>("bob\u202e").Send(new RoomMessage { Content = "x" }));
        await Refused("U+000A", () => Room.Broadcast(new RoomMessage { From = "a\nb", Content = "x" }));
        await Refused("'after'", () => Room.Members("a\nb"));
        await Refused("'after'", () => cluster.Client.GetGrain<IClusterGrain>(IClusterGrain.Key).Rooms("\u200b"));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Room.Members(null, 0));

        static async Task Refused(string why, Func<Task> call)
        {
            var error = await Assert.ThrowsAsync<RequestException>(call);
            Assert.Equal(RequestException.NameInvalid, error.Code);
            Assert.Contains(why, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_batch_with_a_command_that_is_none_is_refused_as_a_whole()
    {
        RoomCommand[] bad =
        [
            null!, new JoinCommand(null!, "c1", null), new JoinCommand("alice", "", null), new LeaveCommand(null!),
            new PublishCommand("alice", null, null!), new PublishCommand("", null, []), new SyncCommand(null!, null), new SyncCommand([default], null),
        ];
        foreach (var command in bad)
        {
            var error = await Assert.ThrowsAnyAsync<ArgumentException>(
                () => Submit("f1", [new JoinCommand("alice", "c1", null), new PublishCommand("alice", null, "\"content\":\"a\""u8.ToArray()), command]));
            Assert.Contains("Command 2 of the batch", error.Message);
        }
        await Assert.ThrowsAnyAsync<ArgumentException>(() => Submit("f1", null!));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => Submit("", []));
        Assert.Equal(0, (await Room.Members()).Total);
        Assert.Equal(1, (await Room.Broadcast(new RoomMessage { Content = "x" })).Sequence);
    }

    [Fact]
    public async Task What_is_missing_or_absurd_is_an_argument_error_and_the_grain_goes_on()
    {
        var name = "user-" + _name;
        var (user, users) = (cluster.Client.GetGrain<IUserGrain>(name), Partition(name));
        var all = cluster.Client.GetGrain<IClusterGrain>(IClusterGrain.Key);
        Func<Task>[] calls =
        [
            () => Room.Broadcast(null!), () => Room.BroadcastText(null!), () => Room.BroadcastBinary(null!), () => Room.Drop(null!),
            () => Room.Members(limit: int.MaxValue), () => Room.Members(limit: int.MinValue), () => Room.History(limit: int.MaxValue), () => Room.History(before: long.MinValue),
            () => user.Send(null!), () => user.SendText(null!), () => user.SendBinary(null!), () => user.Disconnect(new string('x', 124)),
            () => users.Deliver(name, "bob", null!), () => users.Deliver(name, null!, []), () => users.Deliver(null!, "bob", []), () => users.Push(null!), () => users.Find(""),
            () => Tell(null!, new UserChange(name, "c1", default(DateTimeOffset))), () => Tell("f1", new UserChange(name, "", default(DateTimeOffset))),
            () => Tell("f1", new UserChange(name, null!, null)), () => users.Submit("f1", 1, false, null!).AsTask(), () => users.Submit("f1", 1, false, [new UserChange(name, "c1", default(DateTimeOffset)), default]).AsTask(),
            () => users.Drop(""), () => cluster.Client.GetGrain<IUserPartitionGrain>(IUserPartitionGrain.Count).Find(name), () => cluster.Client.GetGrain<IUserPartitionGrain>(-1).Find(name),
            () => all.Broadcast(null!), () => all.BroadcastText(null!), () => all.BroadcastBinary(null!), () => all.Rooms(limit: int.MaxValue), () => all.Connections(limit: -1),
        ];
        foreach (var call in calls)
            await Assert.ThrowsAnyAsync<ArgumentException>(call);
        Assert.Equal(RoomException.PositionInvalid, (await Assert.ThrowsAsync<RoomException>(() => Room.History(before: long.MaxValue))).Code);
        Assert.Empty((await user.Describe()).Connections);
        await Tell("f1", new UserChange(name, "c1", default(DateTimeOffset)));
        Assert.Equal(1, await user.Send(new RoomMessage { Content = "x" }));
        Assert.Equal(1, (await Room.Broadcast(new RoomMessage { Content = "x" })).Sequence);
    }

    [Fact]
    public async Task Settings_out_of_range_stop_the_start()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) => silo.AddRealtime(options => options.HistoryMessages = -1));
        await using var bad = builder.Build();
        var error = await Assert.ThrowsAnyAsync<Exception>(() => bad.DeployAsync());
        Assert.Contains("Rooms:HistoryMessages is -1; it must be from 0 to 100000.", error.ToString());
    }
}

/// <summary>Stands in for a front: hears its stream.</summary>
internal sealed class FrontListener(string id) : IAsyncObserver<FrontEvent>
{
    private readonly List<FrontEvent> _messages = [];
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Id { get; } = id;

    public Task OnNextAsync(FrontEvent item, StreamSequenceToken? token = null)
    {
        if (item.Kind is FrontEventKind.Joined or FrontEventKind.Left or FrontEventKind.Presence)
            return Task.CompletedTask;
        lock (_messages)
        {
            _messages.Add(item);
            _more.TrySetResult();
            _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        return Task.CompletedTask;
    }

    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;

    /// <summary>Exactly so many messages; fails when there are more.</summary>
    public async Task<FrontEvent[]> Messages(int count)
    {
        while (true)
        {
            Task more;
            lock (_messages)
            {
                Assert.True(_messages.Count <= count, $"{_messages.Count} messages instead of {count}");
                if (_messages.Count == count)
                    return [.. _messages];
                more = _more.Task;
            }
            await more;
        }
    }
}
