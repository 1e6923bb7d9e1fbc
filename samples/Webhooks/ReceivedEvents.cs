using System.Text.Json;

namespace Realtime.Webhooks;

/// <summary>
/// What has come, each event once. Events of a room come in order, so two numbers for each room and epoch tell what is a repeat: how far its events,
/// and how far its messages were. Keep them in your database, in the transaction of what you do with the event.
/// </summary>
internal sealed class ReceivedEvents
{
    private const int Shown = 200;

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Room, string Epoch), (long Order, long Sequence)> _reached = [];
    private readonly Queue<JsonElement> _newest = new();

    /// <returns>False for a repeat.</returns>
    public bool Add(JsonElement item)
    {
        var key = (item.GetProperty("room").GetString()!, item.GetProperty("epoch").GetString()!);
        var order = item.GetProperty("order").GetInt64();
        long? sequence = item.TryGetProperty("seq", out var seq) ? seq.GetInt64() : null; // messages have one
        lock (_gate)
        {
            var reached = _reached.GetValueOrDefault(key);
            if (order <= reached.Order || sequence <= reached.Sequence)
                return false;
            _reached[key] = (order, sequence ?? reached.Sequence);
            _newest.Enqueue(item.Clone());
            if (_newest.Count > Shown)
                _newest.Dequeue();
            return true;
        }
    }

    public JsonElement[] Newest()
    {
        lock (_gate)
            return [.. _newest];
    }
}
