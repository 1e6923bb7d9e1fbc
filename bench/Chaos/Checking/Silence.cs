namespace Realtime.Chaos.Checking;

/// <summary>How long deliveries stood still after each kill.</summary>
/// <param name="Room">In the worst room: nobody in it was handed anything.</param>
/// <param name="Member">At the worst member, its way back to another front included.</param>
public readonly record struct Silence(TimeSpan Room, TimeSpan Member)
{
    /// <summary>The longest silences between each kill and the next one, or the end.</summary>
    /// <param name="kills">When, since the start of the run, in order.</param>
    /// <param name="end">When publishing ended.</param>
    public static IReadOnlyList<Silence> After(IReadOnlyList<TimeSpan> kills, IReadOnlyList<ClientHistory> clients, TimeSpan end)
    {
        var rooms = new Dictionary<string, List<TimeSpan>>();
        var members = new List<List<TimeSpan>>();
        foreach (var client in clients)
        {
            var own = client.Rooms.ToDictionary(room => room, _ => new List<TimeSpan>());
            foreach (var item in client.Events)
            {
                if (item.Kind == EventKind.Message)
                    own[item.Room!].Add(item.Time);
            }
            members.AddRange(own.Values);
            foreach (var (room, times) in own)
            {
                if (!rooms.TryGetValue(room, out var all))
                    rooms.Add(room, all = []);
                all.AddRange(times);
            }
        }
        foreach (var times in rooms.Values)
            times.Sort();
        return
        [
            .. kills.Select((kill, i) =>
            {
                var until = i + 1 < kills.Count ? kills[i + 1] : end;
                return new Silence(rooms.Values.Max(times => Longest(times, kill, until, end)), members.Max(times => Longest(times, kill, until, end)));
            }),
        ];
    }

    /// <summary>The longest silence that begins or goes on between two times; it may end later.</summary>
    private static TimeSpan Longest(List<TimeSpan> times, TimeSpan from, TimeSpan until, TimeSpan end)
    {
        var (longest, last) = (TimeSpan.Zero, from);
        var next = times.BinarySearch(from);
        for (var i = next < 0 ? ~next : next; last < until; i++)
        {
            var heard = i < times.Count ? times[i] : end;
            if (heard - last > longest)
                longest = heard - last;
            if (i >= times.Count)
                break;
            last = heard;
        }
        return longest;
    }
}
