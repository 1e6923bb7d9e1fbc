using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests;

/// <summary>Members come and go, few or many: it must always be as if they were counted by hand.</summary>
public sealed class RoomMembersTests
{
    [Theory]
    [InlineData(3)] // stays a list
    [InlineData(9)] // becomes tables
    [InlineData(60)]
    public void Any_coming_and_going_is_counted_right(int most)
    {
        var random = new Random(most);
        var members = new RoomMembers();
        var known = new List<(string Front, string Connection, string User)>();
        for (var step = 0; step < 3000; step++)
        {
            var front = $"f{random.Next(3)}";
            var user = $"u{random.Next(most)}";
            var connection = $"c{random.Next(2)}-{user}";
            switch (random.Next(known.Count < most ? 5 : 1))
            {
                case 0 when random.Next(20) == 0:
                    var gone = known.Where(entry => entry.Front == front).Select(entry => entry.User).Distinct().ToList();
                    known.RemoveAll(entry => entry.Front == front);
                    Assert.Equal(gone.Where(user => !known.Exists(entry => entry.User == user)).Order(), members.RemoveFront(front).Order());
                    break;
                case 0 or 1 or 2:
                    var was = known.Remove((front, connection, user));
                    Assert.Equal(was && !known.Exists(entry => entry.User == user) ? user : null, members.Remove(front, connection));
                    break;
                default:
                    var isFirst = !known.Exists(entry => entry.User == user);
                    if (!known.Contains((front, connection, user)))
                        known.Add((front, connection, user));
                    Assert.Equal(isFirst, members.Add(front, connection, user));
                    break;
            }
            Assert.Equal(known.Count, members.Connections);
            string[] users = [.. known.Select(entry => entry.User).Distinct().Order(StringComparer.Ordinal)];
            Assert.Equal(users.Length, members.Users);
            Assert.Equal(users, members.Page(null, 1000).Users);
            Assert.Equal(known.Select(entry => entry.Front).Distinct().Order(), members.Fronts.Order());
            Assert.Equal(known.Select(entry => entry.Front).Distinct().Count(), members.FrontCount);
            Assert.Equal(known.Exists(entry => entry.Front == front), members.HasFront(front));
        }
        var copy = new RoomMembers();
        copy.Load(members.Save());
        Assert.Equal((members.Connections, members.Users), (copy.Connections, copy.Users));
    }
}
