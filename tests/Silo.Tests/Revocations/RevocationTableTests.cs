using Realtime.Grains;
using Realtime.Silo.Revocations;

namespace Realtime.Silo.Tests.Revocations;

/// <summary>The rules of the list of revocations.</summary>
public sealed class RevocationTableTests
{
    private readonly ManualTimeProvider _time = new();

    private long In(int seconds) => _time.GetUtcNow().AddSeconds(seconds).ToUnixTimeMilliseconds();

    private RevocationTable Table(int entries = 100, int bytes = 1024 * 1024) => new(new RevocationOptions { MaxEntries = entries, MaxBytes = bytes }, _time);

    private Revocation User(string name, int seconds = 60) => new(RevocationKind.User, name, null, In(seconds), 0, IsLifted: false);

    [Fact]
    public void Changes_come_in_order_after_the_version_that_is_known()
    {
        var table = Table();
        var first = table.Set(User("alice"));
        table.Set(User("bob"));
        var again = table.Set(User("alice", 120)); // in place of the first
        Assert.Equal(["bob", "alice"], table.After(0, 10).Select(entry => entry.Subject));
        Assert.Equal(["bob"], table.After(0, 1).Select(entry => entry.Subject));
        Assert.Equal(again, Assert.Single(table.After(table.After(0, 1)[0].Version, 10)));
        Assert.True(again.Version > first.Version);
        Assert.Empty(table.After(again.Version, 10));
    }

    [Fact]
    public void What_is_lifted_stays_as_lifted_until_its_time()
    {
        var table = Table();
        var set = table.Set(User("alice"));
        var lifted = table.Lift(RevocationKind.User, "alice", null)!;
        Assert.True(lifted.IsLifted && lifted.Changed > set.Changed && lifted.Until == set.Until);
        Assert.Null(table.Lift(RevocationKind.User, "alice", null));
        Assert.Null(table.Lift(RevocationKind.Room, "alice", "room"));
    }

    [Fact]
    public void Of_what_fronts_give_back_the_later_entry_counts_whatever_the_order()
    {
        var lost = Table();
        var set = lost.Set(User("alice"));
        var lifted = lost.Lift(RevocationKind.User, "alice", null)!;
        foreach (var order in new[] { new[] { set, lifted }, [lifted, set], [set, lifted, set] })
        {
            var table = Table();
            foreach (var entry in order)
                table.Merge(entry);
            var known = Assert.Single(table.After(0, 10));
            Assert.Equal((true, lifted.Changed), (known.IsLifted, known.Changed));
        }
    }

    [Fact]
    public void A_merged_entry_has_a_place_behind_all_that_were_told()
    {
        var (lost, table) = (Table(), Table());
        var old = lost.Set(User("alice"));
        var told = table.Set(User("bob")).Version;
        table.Merge(old);
        Assert.Equal("alice", Assert.Single(table.After(told, 10)).Subject);
        table.Merge(old with { Subject = "carl", Until = In(-1) });
        Assert.Equal(2, table.Count);
    }

    [Fact]
    public void The_list_is_bounded_in_entries_and_bytes_and_what_is_over_makes_place()
    {
        var table = Table(entries: 2);
        table.Set(User("alice", 10));
        table.Set(User("bob", 60));
        var full = Assert.Throws<RequestException>(() => table.Set(User("carl")));
        Assert.Equal(RequestException.RevocationsFull, full.Code);
        Assert.Contains("there may be 2", full.Message);
        table.Set(User("bob", 90)); // in place of another
        _time.Advance(10);
        table.Set(User("carl"));
        Assert.Equal(["bob", "carl"], table.After(0, 10).Select(entry => entry.Subject));

        var small = Table(bytes: 400);
        small.Set(User(new string('a', 128)));
        Assert.Throws<RequestException>(() => small.Set(User(new string('b', 128))));
        small.Set(User("c"));
    }
}
