using Microsoft.Extensions.Time.Testing;

namespace Realtime.SignalR.Tests;

/// <summary>The rules of a partition, without a cluster.</summary>
public sealed class PartitionTableTests
{
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(6);

    private readonly FakeTimeProvider _time = new();
    private readonly PartitionTable _table;
    private int _calls;

    public PartitionTableTests() => _table = new PartitionTable(s_lease, _time);

    [Fact]
    public void A_server_whose_lease_has_run_out_gets_nothing_and_leaves_no_topic_behind()
    {
        Say("a", ["a", "gx"]);
        Say("b", ["a", "gx", "gy"]);
        Assert.Equal(["a", "b"], Receivers(Send("a", "gx")));
        _time.Advance(s_lease / 2);
        Say("a", null);
        _time.Advance(s_lease / 2 + TimeSpan.FromSeconds(1));
        Assert.Equal(["a"], Receivers(Send("a", "gx")));
        Assert.Equal((1, 2), (_table.Servers, _table.Topics));
        Assert.Equal(["a"], Say("a", null).Servers!);
        Assert.Equal(HubOutcome.Unknown, Say("b", null).Outcome);
        Say("b", ["gy"]);
        Assert.Equal(["b"], Receivers(Send("a", "gy")));
    }

    [Fact]
    public void A_repeated_batch_changes_nothing_and_a_late_call_neither()
    {
        var batch = new HubBatch { Server = "a", Call = 1, Number = 1, Topics = ["gx"], Commands = [Message("gx")] };
        Assert.Equal(HubOutcome.Applied, _table.Apply(batch).Outcome);
        Assert.Equal(["a"], Receivers(null));
        Assert.Equal(HubOutcome.Applied, _table.Apply(batch with { Call = 2, IsRepeat = true }).Outcome);
        Assert.Empty(Receivers(null));
        // Overtaken by call 2: what it says of topics is of before.
        Assert.Equal(HubOutcome.Applied, _table.Apply(batch with { Call = 1, Topics = [] }).Outcome);
        Assert.Equal(1, _table.Topics);
    }

    [Fact]
    public void After_the_loss_of_another_activation_messages_wait_until_all_servers_had_time_to_come_back()
    {
        var batch = new HubBatch { Server = "a", Call = 1, Number = 1, WasKnown = true, Topics = ["gx"], Commands = [Message("gx")] };
        Assert.Equal(HubOutcome.Hold, _table.Apply(batch).Outcome);
        Assert.Empty(Receivers(null));
        Say("b", ["gx"]);
        _time.Advance(PartitionTable.HoldTime + TimeSpan.FromMilliseconds(1));
        Assert.Equal(HubOutcome.Applied, _table.Apply(batch with { Call = 2, IsRepeat = true, Topics = null }).Outcome);
        Assert.All(_table.Outgoing, server => Assert.True(Assert.Single(server.Outbox).IsRepeat));
        Assert.Equal(["a", "b"], Receivers(null));
    }

    [Fact]
    public void What_is_saved_is_there_again_without_a_hold()
    {
        Say("a", ["a", "gx"]);
        Say("b", ["gx"]);
        var moved = new PartitionTable(s_lease, _time);
        moved.Restore(_table.Save());
        var reply = moved.Apply(new HubBatch { Server = "a", Call = ++_calls, Number = _calls, WasKnown = true, Commands = [Message("gx")] });
        Assert.Equal(HubOutcome.Applied, reply.Outcome);
        Assert.Equal(["a", "b"], moved.Outgoing.Select(server => server.Id).Order());
    }

    [Fact]
    public void Who_looks_for_a_connection_is_not_asked_itself()
    {
        Say("a", ["a"]);
        Say("b", ["a"]);
        var asks = new HubEvent { Kind = HubEventKind.Invoke, Topic = Topic.All, Server = "a", Connections = ["c"], IsForConnections = true };
        var reply = _table.Apply(new HubBatch { Server = "a", Call = ++_calls, Number = _calls, Commands = [new(HubCommandKind.Send, Topic.All, asks)] });
        Assert.Equal(["a", "b"], reply.Servers!.Order());
        Assert.False(reply.IsSettled);
        Assert.Equal(["b"], Receivers(null));
        _time.Advance(s_lease / 2);
        Say("a", null);
        Say("b", null);
        _time.Advance(s_lease / 2 + TimeSpan.FromMilliseconds(1));
        Assert.True(Say("a", null).IsSettled);
    }

    private static HubCommand Message(string topic) =>
        new(HubCommandKind.Send, topic, new HubEvent { Kind = HubEventKind.Message, Topic = topic, Server = "a" });

    private HubReply Say(string server, string[]? topics) =>
        _table.Apply(new HubBatch { Server = server, Call = ++_calls, Number = _calls, Topics = topics, Commands = [] });

    private HubReply Send(string server, string topic) =>
        _table.Apply(new HubBatch { Server = server, Call = ++_calls, Number = _calls, Commands = [Message(topic)] });

    /// <summary>Who got something, which is taken.</summary>
    private string[] Receivers(HubReply? reply)
    {
        Assert.NotEqual(HubOutcome.Hold, reply?.Outcome);
        string[] ids = [.. _table.Outgoing.Select(server => server.Id).Order()];
        foreach (var server in _table.Outgoing)
            server.Outbox.Clear();
        _table.Outgoing.Clear();
        return ids;
    }
}
