using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Tests;

/// <summary>A clean history passes, and each way to break a rule is found.</summary>
public sealed class CheckerTests
{
    private const string Room = "room";

    private readonly List<ClientHistory> _clients = [];
    private readonly List<Publish> _publishes = [];
    private readonly Dictionary<string, Position> _ends = new() { [Room] = new("a", 3) };
    private bool _logOutlivesSilos;

    /// <summary>Three messages of epoch a, acknowledged, and alice, who has had them all.</summary>
    public CheckerTests()
    {
        Client("alice").Joined("a", 0).Messages("a", 1, 2, 3);
        for (var i = 1; i <= 3; i++)
            Acked($"a{i}", "a", i);
    }

    [Fact]
    public void A_clean_history_passes()
    {
        Client("bob").Joined("a", 1).Messages("a", 2).Lost().Joined("a", 3, recovered: true).Messages("a", 3);
        Client("carl").Joined("a", 0).Messages("a", 1).Lost().Joined("a", 3, recovered: false);
        Client("dora").Joined("a", 0).Messages("a", 1).Lost().Joined("a", 3, recovered: true).Messages("a", 2)
            .Lost().Joined("a", 3, recovered: true).Messages("a", 3);
        _publishes.Add(new Publish("given up", Room, default) { Failure = "no answer" });

        var verdict = Check();

        Assert.Empty(verdict.Findings);
        Assert.Equal(1, verdict.GapsFlagged); // carl's
    }

    [Fact]
    public void A_memory_log_that_died_with_its_silo_is_a_flagged_gap_and_no_more()
    {
        // A publish that nobody had, though it was acknowledged, and one that was tried again in the new epoch.
        Acked("a4", "a", 4);
        Client("bob").Joined("a", 0).Messages("a", 1, 2, 3).Joined("b", 0, recovered: false).Message("b", 1, "again").Message("b", 2, "b2");
        Client("carl").Joined("a", 0).Messages("a", 1, 2, 3).Lost()
            .Joined("b", 1, recovered: false).Message("b", 2, "b2");
        Alice.Joined("b", 1, recovered: false).Message("b", 2, "b2");
        _ends[Room] = new("b", 2);

        var verdict = Check();

        Assert.Empty(verdict.Findings);
        Assert.Equal(3, verdict.GapsFlagged);
    }

    [Fact]
    public void A_message_that_an_inbox_did_not_keep_is_a_fault_where_the_log_outlives_silos()
    {
        _publishes.Add(new Publish("a4", Room, default) { Failure = Publish.NotKept });
        Assert.Empty(Check().Findings);

        _logOutlivesSilos = true;
        Assert.Equal(Rule.LostHistory, Assert.Single(Check().Findings).Rule);
    }

    [Fact]
    public void An_epoch_that_ends_is_a_fault_where_the_log_outlives_silos()
    {
        Client("bob").Joined("a", 0).Messages("a", 1, 2, 3).Lost().Joined("b", 0, recovered: false);
        _ends.Clear();
        _logOutlivesSilos = true;
        FindsOnly(Rule.LostHistory, Rule.NotBack); // nobody said where the room ended
    }

    [Fact]
    public void A_hole_within_a_stay_is_a_silent_gap()
    {
        Client("bob").Joined("a", 0).Messages("a", 1, 3);
        FindsOnly(Rule.SilentGap);
    }

    [Fact]
    public void A_hole_behind_the_join_is_a_silent_gap()
    {
        Client("bob").Joined("a", 0).Messages("a", 2, 3);
        FindsOnly(Rule.SilentGap);
    }

    [Fact]
    public void A_hole_after_a_resume_is_a_silent_gap()
    {
        Client("bob").Joined("a", 0).Messages("a", 1).Lost().Joined("a", 2, recovered: true).Messages("a", 3);
        FindsOnly(Rule.SilentGap);
    }

    [Fact]
    public void A_message_that_was_missed_and_never_came_is_a_silent_gap()
    {
        Client("bob").Joined("a", 0).Messages("a", 1, 2);
        FindsOnly(Rule.SilentGap);
    }

    [Fact]
    public void A_new_epoch_that_a_member_never_heard_of_is_a_silent_gap()
    {
        Client("bob").Joined("b", 0).Message("b", 1, "b1");
        _ends[Room] = new("b", 1);
        FindsOnly(Rule.SilentGap);
    }

    [Fact]
    public void A_message_of_a_new_epoch_that_nothing_told_of_is_a_silent_gap()
    {
        Client("bob").Joined("a", 0).Messages("a", 1, 2, 3).Message("b", 1, "b1");
        Alice.Joined("b", 0, recovered: false).Message("b", 1, "b1");
        _ends[Room] = new("b", 1);
        FindsOnly(Rule.SilentGap);
    }

    [Fact]
    public void A_resume_that_is_not_answered_is_a_silent_gap()
    {
        Client("bob").Joined("a", 0).Messages("a", 1).Lost().Joined("a", 1).Messages("a", 2, 3);
        FindsOnly(Rule.SilentGap);
    }

    [Fact]
    public void A_resume_into_another_epoch_is_a_silent_gap()
    {
        Client("bob").Joined("b", 7).Lost().Joined("a", 3, recovered: true);
        FindsOnly(Rule.SilentGap);
    }

    [Fact]
    public void A_message_that_is_handed_out_twice_is_a_duplicate()
    {
        Client("bob").Joined("a", 0).Messages("a", 1, 2, 2, 3);
        FindsOnly(Rule.Duplicate);
    }

    [Fact]
    public void A_message_that_comes_again_after_a_resume_is_a_duplicate()
    {
        Client("bob").Joined("a", 0).Messages("a", 1, 2).Lost().Joined("a", 3, recovered: true).Messages("a", 2, 3);
        FindsOnly(Rule.Duplicate);
    }

    [Fact]
    public void One_publish_at_two_positions_is_a_duplicate()
    {
        Client("bob").Joined("a", 2).Messages("a", 3).Message("a", 4, "a1");
        Alice.Message("a", 4, "a1");
        _ends[Room] = new("a", 4);
        FindsOnly(Rule.Duplicate);
    }

    [Fact]
    public void One_publish_in_two_epochs_is_a_duplicate_where_the_log_outlives_silos()
    {
        Alice.Joined("b", 0, recovered: false).Message("b", 1, "a3");
        _ends[Room] = new("b", 1);
        Assert.Empty(Check().Findings);
        _logOutlivesSilos = true;
        FindsOnly(Rule.Duplicate, Rule.LostHistory);
    }

    [Fact]
    public void Numbers_that_go_back_are_a_reorder()
    {
        Client("bob").Joined("a", 2).Messages("a", 3, 1);
        FindsOnly(Rule.Reorder);
    }

    [Fact]
    public void A_room_that_goes_back_is_a_reorder()
    {
        Client("bob").Joined("a", 2).Messages("a", 3).Lost().Joined("a", 1, recovered: true);
        Client("carl").Joined("a", 5).Lost().Joined("a", 3, recovered: false);
        FindsOnly(Rule.Reorder, Rule.Reorder);
    }

    [Fact]
    public void An_epoch_that_comes_back_is_a_reorder()
    {
        Client("bob").Joined("a", 1).Joined("b", 1, recovered: false).Joined("a", 3, recovered: false);
        FindsOnly(Rule.Reorder);
    }

    [Fact]
    public void Epochs_in_another_order_at_another_member_are_a_reorder()
    {
        Client("bob").Joined("b", 0).Lost().Joined("c", 0, recovered: false).Lost().Joined("a", 3, recovered: false);
        Client("carl").Joined("c", 0).Lost().Joined("b", 0, recovered: false).Lost().Joined("a", 3, recovered: false);
        FindsOnly(Rule.Reorder);
    }

    [Fact]
    public void Different_messages_at_one_position_are_a_reorder()
    {
        Client("bob").Joined("a", 0).Messages("a", 1).Message("a", 2, "another").Messages("a", 3);
        FindsOnly(Rule.Reorder);
    }

    [Fact]
    public void A_message_before_the_join_is_a_reorder()
    {
        Client("bob").Message("a", 3, "a3").Joined("a", 3);
        FindsOnly(Rule.Reorder);
    }

    [Fact]
    public void An_acknowledged_message_that_is_another_one_is_lost()
    {
        Acked("mine", "a", 2);
        _publishes.RemoveAll(publish => publish.Id == "a2");
        FindsOnly(Rule.LostAck);
    }

    [Fact]
    public void Two_receipts_for_one_position_are_a_lost_message()
    {
        Acked("x", "z", 9);
        Acked("y", "z", 9);
        FindsOnly(Rule.LostAck);
    }

    [Fact]
    public void An_acknowledged_message_behind_the_end_of_its_room_is_lost()
    {
        Acked("x", "a", 4);
        FindsOnly(Rule.LostAck);
    }

    [Fact]
    public void An_acknowledged_message_that_nobody_has_is_lost()
    {
        _clients.Clear();
        Client("bob").Joined("a", 0).Messages("a", 1, 3);
        FindsOnly(Rule.SilentGap, Rule.LostAck);
    }

    [Fact]
    public void An_acknowledged_message_that_nobody_has_is_covered_by_a_flagged_gap()
    {
        _clients.Clear();
        Client("bob").Joined("a", 0).Messages("a", 1).Lost().Joined("a", 2, recovered: false).Messages("a", 3);
        Assert.Empty(Check().Findings);
    }

    [Fact]
    public void A_member_that_does_not_come_back_is_found()
    {
        Client("bob").Joined("a", 2).Messages("a", 3).Lost();
        FindsOnly(Rule.NotBack);
    }

    [Fact]
    public void A_room_that_takes_nothing_at_the_end_is_found()
    {
        _ends.Clear();
        FindsOnly(Rule.NotBack);
    }

    private History Alice => new(_clients[0].Events);

    private History Client(string name)
    {
        var client = new ClientHistory(name, [Room], []);
        _clients.Add(client);
        return new History(client.Events);
    }

    private void Acked(string id, string epoch, long sequence) => _publishes.Add(new Publish(id, Room, default) { Ack = new(epoch, sequence) });

    private Verdict Check() => Checker.Check(new RunHistory(_clients, _publishes, _ends, _logOutlivesSilos));

    private void FindsOnly(params Rule[] rules)
    {
        var findings = Check().Findings;
        Assert.True(rules.Order().SequenceEqual(findings.Select(finding => finding.Rule).Order()), string.Join('\n', findings));
    }

    private sealed class History(List<HistoryEvent> events)
    {
        public History Joined(string epoch, long sequence, bool? recovered = null) =>
            Add(new HistoryEvent(default, EventKind.Joined, Room, new(epoch, sequence), recovered));

        /// <summary>Messages that are called by their position.</summary>
        public History Messages(string epoch, params long[] sequences)
        {
            foreach (var sequence in sequences)
                Message(epoch, sequence, $"{epoch}{sequence}");
            return this;
        }

        public History Message(string epoch, long sequence, string content) =>
            Add(new HistoryEvent(default, EventKind.Message, Room, new(epoch, sequence), Content: content));

        public History Lost() => Add(new HistoryEvent(default, EventKind.Lost));

        private History Add(HistoryEvent item)
        {
            events.Add(item);
            return this;
        }
    }
}
