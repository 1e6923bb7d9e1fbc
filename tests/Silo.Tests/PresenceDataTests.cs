using System.Text;
using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests;

/// <summary>What members show of themselves, and what the others are told of it. Without Orleans.</summary>
public sealed class PresenceDataTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly RoomOptions _options = new();

    private Room NewRoom()
    {
        var room = new Room("lobby", _options, _time);
        room.Open(new MemoryLogs().Open("lobby", _options.RetentionOf("lobby")).Result);
        return room;
    }

    private static byte[] Json(string data) => Encoding.UTF8.GetBytes(data);

    private static JoinCommand Join(string user, string connection, string? data = null, PresenceMode mode = PresenceMode.Changes) =>
        new(user, connection, null) { Data = data is null ? null : Json(data), Presence = mode };

    private static JoinCommand Update(string user, string connection, string data) => new(user, connection, null) { Data = Json(data), IsUpdate = true };

    /// <summary>One turn.</summary>
    private static RoomReply[] Turn(Room room, string front, params RoomCommand[] commands)
    {
        RoomReply[] replies = [.. commands.Select(command => room.Apply(front, command))];
        room.EndTurn(commands, replies);
        return replies;
    }

    private static string[] Told(Room room) =>
        [.. room.TakeEvents().Select(item => $"{item.Kind} {item.From} {Encoding.UTF8.GetString(item.Body)}{(item.Except is null ? "" : $" not {item.Except}")}")];

    private static string Shown(Room room, string? after = null, int limit = 100) => Text(room.Page(after, limit));

    private static string Text(MembersPage page) =>
        string.Join(' ', page.Users.Select((user, i) => page.Data?[i] is { } data ? $"{user}={Encoding.UTF8.GetString(data)}" : user));

    [Fact]
    public void Data_is_told_with_who_comes_and_when_it_changes_once_a_turn()
    {
        var room = NewRoom();
        Turn(room, "f1", Join("alice", "c1"), Join("bob", "c2", "1"));
        Assert.Equal(["Joined alice ", "Joined bob 1"], Told(room));
        Turn(room, "f1", Update("bob", "c2", "2"), Update("alice", "c1", "\"a\""), Update("bob", "c2", "3"));
        Assert.Equal(["Updated bob 3 not c2", "Updated alice \"a\" not c1"], Told(room));
        Assert.Equal("alice=\"a\" bob=3", Shown(room));
        Turn(room, "f1", new LeaveCommand("c2"));
        Assert.Equal(["Left bob "], Told(room));
        Turn(room, "f1", Join("bob", "c3"));
        Assert.Equal(["Joined bob "], Told(room));
        Assert.Equal("alice=\"a\" bob", Shown(room));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12)] // more than a list of members holds
    public void Of_a_users_connections_the_last_one_that_wrote_counts_of_those_that_are_there(int crowd)
    {
        var room = NewRoom();
        for (var i = 0; i < crowd; i++)
            Turn(room, "f3", Join($"u{i}", $"u{i}"));
        Turn(room, "f1", Join("bob", "c1", "1"));
        Turn(room, "f2", Join("bob", "c2", "2"), Join("bob", "c3"));
        Told(room);
        Turn(room, "f1", Update("bob", "c1", "4"));
        Turn(room, "f2", Update("bob", "c3", "3"));
        Assert.Equal(["Updated bob 4 not c1", "Updated bob 3 not c3"], Told(room));
        Turn(room, "f2", new LeaveCommand("c3")); // what the next one wrote counts, and all are told
        Assert.Equal(["Updated bob 4"], Told(room));
        Turn(room, "f2", new LeaveCommand("c2")); // it was not what counts
        Assert.Empty(Told(room));
        Turn(room, "f2", Join("bob", "c5", "5"), Join("bob", "c6"));
        Assert.Equal(["Updated bob 5 not c5"], Told(room));
        room.Drop("f1");
        room.EndTurn([], []);
        Assert.Empty(Told(room));
        Turn(room, "f2", new LeaveCommand("c5")); // the one that is left shows nothing
        _time.Advance(TimeSpan.FromSeconds(10));
        room.PublishDuePresence();
        Assert.Equal(["Updated bob "], Told(room));
        Assert.EndsWith("bob", $"{Shown(room, "a", 1)}");
    }

    [Fact]
    public void Who_writes_all_the_time_is_told_a_burst_then_once_a_second_and_how_it_ends()
    {
        var room = NewRoom();
        Turn(room, "f1", Join("alice", "c1"), Join("bob", "c2"));
        Told(room);
        for (var i = 1; i <= 100; i++)
            Turn(room, "f1", Update("bob", "c2", $"{i}"));
        Assert.Equal(["1", "2", "3", "4", "5"], room.TakeEvents().Select(item => Encoding.UTF8.GetString(item.Body)));
        Assert.True(room.PresenceIsDue);
        _time.Advance(TimeSpan.FromSeconds(1));
        room.PublishDuePresence();
        Assert.Equal(["Updated bob 100 not c2"], Told(room));
        Assert.False(room.PresenceIsDue);

        // Who goes and comes back between is as before, but for the data.
        Turn(room, "f1", Update("bob", "c2", "101"));
        Turn(room, "f1", new LeaveCommand("c2"));
        Turn(room, "f1", Join("bob", "c3", "102"));
        Assert.Empty(Told(room));
        var moved = new Room("lobby", _options, _time);
        moved.Load(room.Save());
        Assert.True(moved.PresenceIsDue);
        Assert.Equal("alice bob=102", Shown(moved));
        foreach (var either in new[] { room, moved })
        {
            _time.Advance(TimeSpan.FromSeconds(2));
            either.PublishDuePresence();
            Assert.Equal(["Updated bob 102 not c3"], Told(either));
            Assert.False(either.PresenceIsDue);
        }
    }

    [Fact]
    public void A_large_room_tells_no_data()
    {
        _options.PresenceLimit = 2;
        var room = NewRoom();
        Turn(room, "f1", Join("alice", "c1"), Join("bob", "c2"), Join("carl", "c3", "1"));
        Told(room);
        Turn(room, "f1", Update("bob", "c2", "2"));
        Assert.Empty(Told(room));
        Assert.Equal("alice bob=2 carl=1", Shown(room));

        // When it is small again, who follows who is there is told it as a whole.
        Turn(room, "f1", Join("alice", "c1", null, PresenceMode.Members), new LeaveCommand("c3"));
        Assert.Equal(["Left carl "], Told(room));
        _time.Advance(_options.PresenceCountInterval);
        room.PublishDuePresence();
        Assert.Equal("Members  \"users\":[\"alice\",\"bob\"],\"data\":{\"bob\":2}", Told(room)[^1]);
    }

    [Fact]
    public void What_a_hidden_member_shows_is_not_kept()
    {
        var room = NewRoom();
        Turn(room, "f1", Join("alice", "c1"), Join("bob", "c2", "1") with { IsHidden = true });
        Assert.Equal(["Joined alice "], Told(room));
        Turn(room, "f1", Update("bob", "c2", "2") with { IsHidden = true });
        Assert.Empty(Told(room));
        Turn(room, "f1", Join("bob", "c2", "3"));
        Assert.Equal(["Joined bob 3"], Told(room));
        Turn(room, "f1", Join("bob", "c2") with { IsHidden = true });
        Assert.Equal(["Left bob "], Told(room));
        Turn(room, "f1", Join("bob", "c2"));
        Assert.Equal("alice bob", Shown(room));
    }

    [Theory]
    [InlineData("{\"a\":\"\\ud800\"}", "bad_request")]
    [InlineData("{", "bad_request")]
    [InlineData("1 2", "bad_request")]
    [InlineData("", "bad_request")]
    [InlineData("\"0123456789012345\"", "content_too_long")]
    public void Data_that_is_none_or_too_long_is_refused(string data, string code)
    {
        _options.MaxPresenceBytes = 16;
        var room = NewRoom();
        var replies = Turn(room, "f1", Join("bob", "c1", data), Join("bob", "c1", "1234567890123456"), Update("bob", "c1", data), Join("bob", "c2", data) with { IsHidden = true });
        foreach (var i in new[] { 0, 2, 3 })
            Assert.Equal(code, Assert.IsType<RefusedReply>(replies[i]).Code);
        Assert.IsType<JoinedReply>(replies[1]);
        Assert.Equal("bob=1234567890123456", Shown(room));
        // And by a front that tells its members, it is left out.
        Turn(room, "f2", new SyncCommand([new Member("carl", "c3") { Data = Json(data) }], null));
        Assert.Equal("bob=1234567890123456 carl", Shown(room));
    }

    [Fact]
    public void What_all_members_show_is_bounded_in_bytes()
    {
        _options.MaxPresenceRoomBytes = 2 * (PresenceData.EntrySize + 100);
        var room = NewRoom();
        var large = $"\"{new string('x', 98)}\"";
        Turn(room, "f1", Join("alice", "c1", large), Join("bob", "c2", large));
        foreach (var command in new[] { Join("carl", "c3", "1"), Update("bob", "c2", $"\"{new string('x', 99)}\"") })
        {
            var refused = Assert.IsType<RefusedReply>(Turn(room, "f1", command)[0]);
            Assert.Equal(RoomException.RoomFull, refused.Code);
            Assert.Contains("Rooms:MaxPresenceRoomBytes", refused.Reason);
        }
        Assert.Equal($"alice={large} bob={large}", Shown(room));
        Assert.IsType<JoinedReply>(Turn(room, "f1", Join("carl", "c3"))[0]); // it shows nothing
        Turn(room, "f1", new LeaveCommand("c1"));
        Assert.IsType<JoinedReply>(Turn(room, "f1", Update("carl", "c3", large))[0]);
        Turn(room, "f1", new LeaveCommand("c2"), new LeaveCommand("c3"), Join("bob", "c2", large), Join("carl", "c3", large));
        Assert.Equal($"bob={large} carl={large}", Shown(room));
    }

    [Fact]
    public void A_page_is_bounded_in_bytes()
    {
        _options.MaxPresenceBytes = 64 * 1024;
        var room = NewRoom();
        var large = $"\"{new string('x', 50_000)}\"";
        Turn(room, "f1", [.. Enumerable.Range(0, 5).Select(i => Join($"u{i}", $"c{i}", large))]);
        var users = new List<string>();
        var pages = 0;
        for (string? after = null; pages == 0 || after is not null; pages++)
        {
            var page = room.Page(after, 100);
            users.AddRange(page.Users);
            after = page.Next;
        }
        Assert.Equal(["u0", "u1", "u2", "u3", "u4"], users);
        Assert.Equal(3, pages);
    }

    [Fact]
    public void A_join_brings_who_is_there_at_the_end_of_its_turn_and_its_order()
    {
        var room = NewRoom();
        Turn(room, "f1", Join("alice", "c1", "1"));
        var replies = Turn(room, "f1", Join("bob", "c2", null, PresenceMode.Members), Join("carl", "c3", "3", PresenceMode.Count), Update("alice", "c1", "2"), Join("bob", "c4", null, PresenceMode.Members));
        var joined = Assert.IsType<JoinedReply>(replies[0]);
        Assert.Equal("alice=2 bob carl=3", Text(joined.Presence!));
        Assert.Equal((room.Order, 3), (joined.Presence!.Order, joined.Presence.Total));
        Assert.True(joined.Order < room.Order);
        Assert.Null(Assert.IsType<JoinedReply>(replies[1]).Presence);
        Assert.Same(joined.Presence, Assert.IsType<JoinedReply>(replies[3]).Presence); // so it is sent once
        Assert.Null(Assert.IsType<JoinedReply>(Turn(room, "f1", Join("dora", "c5"))[0]).Presence);
    }

    [Theory]
    [InlineData(PresenceMode.Members)]
    [InlineData(PresenceMode.Changes)]
    public void With_what_is_told_after_it_a_page_becomes_what_there_is_though_something_was_untold(PresenceMode mode)
    {
        _options.PresenceChangeBurst = 1;
        var room = NewRoom();
        Turn(room, "f1", Join("alice", "c1"), Join("bob", "c2", "1"), Join("carl", "c3"));
        Turn(room, "f1", new LeaveCommand("c2"), Join("bob", "c2"), new LeaveCommand("c3"), Join("carl", "c3"), new LeaveCommand("c2"), Join("bob", "c2"));
        Turn(room, "f1", new LeaveCommand("c3"));
        Told(room);
        // In, and told to be out; and the other way round.
        var reply = Assert.IsType<JoinedReply>(Turn(room, "f1", Join("dora", "c4", null, mode))[0]);
        var known = (reply.Presence ?? room.Page(null, 100, asTold: true)).Users.ToHashSet();
        Assert.Equal(["alice", "bob", "dora"], room.Page(null, 100).Users);
        Turn(room, "f1", new LeaveCommand("c2"), Join("carl", "c3"));
        for (var i = 0; i < 5; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            room.PublishDuePresence();
            foreach (var item in room.TakeEvents().Where(item => item.From is not null))
            {
                if (item.Kind == FrontEventKind.Left)
                    known.Remove(item.From!);
                else
                    known.Add(item.From!);
            }
        }
        Assert.Equal(room.Page(null, 100).Users, known.Order());
        Assert.False(room.PresenceIsDue);
    }

    [Fact]
    public void Fronts_tell_a_room_that_was_lost_what_their_members_show_and_who_follows_is_told_once()
    {
        var room = NewRoom();
        Member Showing(string user, string connection, string data, long time) => new(user, connection) { Data = Json(data), DataTime = time };
        var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var synced = Turn(room, "f1", new SyncCommand([Showing("bob", "c1", "\"newer\"", now - 5), new Member("alice", "c2")], null) { FollowsPresence = true })[0];
        Assert.Null(Assert.IsType<SyncedReply>(synced).Presence); // others are about to come
        // An update that the lost room did not answer comes to this one, and nobody takes it for a join.
        Turn(room, "f3", Update("carl", "c4", "4"));
        Turn(room, "f2", new SyncCommand([Showing("bob", "c3", "\"older\"", now - 10)], null));
        Assert.Empty(Told(room));
        Assert.True(room.PresenceIsDue);
        room.PublishDuePresence();
        Assert.Empty(Told(room));
        _time.Advance(_options.PresenceCountInterval);
        room.PublishDuePresence();
        Assert.Equal(["Members  \"users\":[\"alice\",\"bob\",\"carl\"],\"data\":{\"bob\":\"newer\",\"carl\":4}"], Told(room));
        Assert.False(room.PresenceIsDue);
        // A front that has missed events has its answer at once.
        var later = Assert.IsType<SyncedReply>(Turn(room, "f1", new SyncCommand([Showing("bob", "c1", "\"late\"", now), new Member("alice", "c2")], null) { FollowsPresence = true })[0]);
        Assert.Equal("alice bob=\"newer\" carl=4", Text(later.Presence!));
        Assert.Equal(room.Order, later.Presence!.Order);
        Turn(room, "f1", new LeaveCommand("c1"));
        Assert.Equal(["Updated bob \"older\""], Told(room));
    }
}
