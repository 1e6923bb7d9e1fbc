using System.Runtime.InteropServices;

namespace Realtime.Silo.Rooms;

/// <summary>How many messages of a full history are whose: those of one user count for at most half of the bound, unless there are no others.</summary>
internal sealed class HistoryShares(int bound)
{
    private readonly int _most = (bound + 1) / 2;
    private readonly Dictionary<(string? From, bool IsService), int> _messages = [];
    private int _all;
    private int _counted;

    /// <summary>How many there are for the bound.</summary>
    public int Counted => _messages.Count == 1 ? _all : _counted;

    public void Add(FrontEvent message)
    {
        _all++;
        if (CollectionsMarshal.GetValueRefOrAddDefault(_messages, Sender(message), out _)++ < _most)
            _counted++;
    }

    public void Remove(FrontEvent message)
    {
        _all--;
        ref var messages = ref CollectionsMarshal.GetValueRefOrNullRef(_messages, Sender(message));
        if (--messages < _most)
            _counted--;
        if (messages == 0)
            _messages.Remove(Sender(message));
    }

    /// <summary>A service is not the user of its name.</summary>
    private static (string?, bool) Sender(FrontEvent message) => (message.From, message.IsService);
}
