using System.Collections.Concurrent;

namespace Realtime.Chat;

/// <summary>Stands in for the database: the last ten lines of each room.</summary>
internal sealed class MessageStore
{
    private const int Kept = 10;

    private readonly ConcurrentDictionary<string, ConcurrentQueue<string>> _rooms = new();

    public void Add(string room, string line)
    {
        var lines = _rooms.GetOrAdd(room, _ => new());
        lines.Enqueue(line);
        while (lines.Count > Kept)
            lines.TryDequeue(out _);
    }

    public IEnumerable<string> Last(string room) => _rooms.TryGetValue(room, out var lines) ? lines : [];
}
