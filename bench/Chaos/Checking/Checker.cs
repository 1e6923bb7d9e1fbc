namespace Realtime.Chaos.Checking;

/// <summary>
/// Holds the histories of a run against the guarantees: one order, no silent gap, an acknowledgement means kept, no
/// duplicates. Knows nothing of servers and clients but what they wrote down.
/// </summary>
public static class Checker
{
    public static Verdict Check(RunHistory run)
    {
        var rooms = new Dictionary<string, RoomCheck>();
        foreach (var client in run.Clients)
        {
            foreach (var room in client.Rooms)
                rooms.TryAdd(room, new RoomCheck(room, run.LogOutlivesSilos));
        }
        foreach (var client in run.Clients)
            Follow(client, rooms, run.Ends);
        foreach (var publish in run.Publishes)
        {
            if (publish.Ack is { } ack)
                rooms[publish.Room].Acknowledged(publish.Id, ack);
            else if (publish.Failure == Publish.NotKept)
                rooms[publish.Room].NotKept(publish.Id);
        }
        foreach (var (name, room) in rooms)
            room.End(run.Ends.TryGetValue(name, out var end) ? end : null);
        return new Verdict([.. rooms.Values.SelectMany(room => room.Findings)], rooms.Values.Sum(room => room.GapsFlagged));
    }

    private static void Follow(ClientHistory client, Dictionary<string, RoomCheck> rooms, IReadOnlyDictionary<string, Position> ends)
    {
        var stays = client.Rooms.ToDictionary(room => room, room => new MemberCheck(client.Client, rooms[room]));
        foreach (var item in client.Events)
        {
            switch (item.Kind)
            {
                case EventKind.Lost:
                    foreach (var stay in stays.Values)
                        stay.Lost();
                    break;
                case EventKind.Joined:
                    stays[item.Room!].Joined(item.At, item.Recovered);
                    break;
                case EventKind.Message:
                    stays[item.Room!].Message(item.At, item.Content!);
                    break;
            }
        }
        foreach (var (room, stay) in stays)
            stay.End(ends.TryGetValue(room, out var end) ? end : null);
    }
}
