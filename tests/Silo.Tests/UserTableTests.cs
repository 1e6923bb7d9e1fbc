using Realtime.Grains;
using Realtime.Silo.Users;

namespace Realtime.Silo.Tests;

/// <summary>Connections of users come and go on several fronts: it must always be as if they were listed by hand.</summary>
public sealed class UserTableTests
{
    private static readonly DateTimeOffset s_since = DateTimeOffset.UnixEpoch;

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(40)]
    public void Any_coming_and_going_is_kept_right(int users)
    {
        var random = new Random(users);
        var table = new UserTable();
        var known = new List<(string Front, string User, string Connection)>();
        for (var batch = 1; batch < 2000; batch++)
        {
            var front = $"f{random.Next(3)}";
            switch (random.Next(30))
            {
                case 0:
                    table.Drop(front);
                    known.RemoveAll(entry => entry.Front == front);
                    break;
                case 1:
                    var all = Changes(random.Next(4)).Select(change => change with { ConnectedAt = s_since }).ToArray();
                    known.RemoveAll(entry => entry.Front == front);
                    Tell(isAll: true, all);
                    break;
                case 2:
                    var copy = new UserTable();
                    copy.Load(table.Save());
                    table = copy;
                    break;
                default:
                    Tell(isAll: false, Changes(random.Next(1, 4)));
                    break;
            }
            Assert.Equal(known.Count == 0, table.IsEmpty);
            Assert.Equal(known.Select(entry => entry.Front).Distinct().Order(), table.Fronts.Order());
            for (var i = 0; i < users; i++)
            {
                var user = $"u{i}";
                var his = known.Where(entry => entry.User == user).ToList();
                var (fronts, connections) = table.Where(user);
                Assert.Equal(his.Count, connections);
                Assert.Equal(his.Select(entry => entry.Front).Distinct().Order(), fronts.Order());
                Assert.Equal(his.Select(entry => (entry.Front, entry.Connection)).Order(), table.Find(user).Select(found => (found.Front, found.Connection)).Order());
            }

            UserChange[] Changes(int count) =>
                [.. Enumerable.Range(0, count).Select(_ => new UserChange($"u{random.Next(users)}", $"c{random.Next(3)}", random.Next(2) == 0 ? null : s_since))];

            void Tell(bool isAll, UserChange[] changes)
            {
                foreach (var (user, connection, since) in changes)
                {
                    var entry = (front, user, connection);
                    if (since is null)
                        known.Remove(entry);
                    else if (!known.Contains(entry))
                        known.Add(entry);
                }
                table.Apply(front, batch, isAll, changes);
                table.Apply(front, batch, isAll, changes); // a repeat
            }
        }
    }

    [Fact]
    public void What_comes_after_something_later_is_left_out()
    {
        var table = new UserTable();
        table.Apply("f1", 7, isAll: false, [new UserChange("alice", "c1", s_since), new UserChange("alice", "c2", s_since)]);
        table.Apply("f1", 9, isAll: false, [new UserChange("alice", "c2", null)]);
        table.Apply("f1", 8, isAll: false, [new UserChange("alice", "c2", s_since), new UserChange("alice", "c1", null)]);
        table.Apply("f2", 1, isAll: false, [new UserChange("alice", "c3", s_since)]); // another front counts for itself
        Assert.Equal(["c1", "c3"], table.Find("alice").Select(found => found.Connection).Order());
        var copy = new UserTable();
        copy.Load(table.Save());
        copy.Apply("f1", 8, isAll: true, []);
        Assert.Equal(2, copy.Find("alice").Length);
    }

    [Fact]
    public void Users_are_spread_over_all_partitions()
    {
        var counts = new int[IUserPartitionGrain.Count];
        for (var i = 0; i < 1000 * counts.Length; i++)
            counts[IUserPartitionGrain.KeyOf($"user{i}")]++;
        Assert.All(counts, count => Assert.InRange(count, 700, 1300));
        Assert.Equal(IUserPartitionGrain.KeyOf("alice"), IUserPartitionGrain.KeyOf("alice"));
    }
}
