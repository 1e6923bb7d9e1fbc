using System.Runtime.InteropServices;

namespace Realtime.Silo.Rooms;

/// <summary>How many messages of a full history are whose: those of one user count for at most half of the bound, unless there are no others.</summary>
internal sealed class HistoryShares(int bound)
{
    private readonly int _most = (bound + 1) / 2;
    private readonly Dictionary<string, int> _messages = [];
    private int _all;
    private int _counted;

    /// <summary>How many there are for the bound.</summary>
    public int Counted => _messages.Count == 1 ? _all : _counted;

    /// <summary>A message of a user, or of a service (null).</summary>
    public void Add(string? user)
    {
        _all++;
        if (CollectionsMarshal.GetValueRefOrAddDefault(_messages, user ?? "", out _)++ < _most)
            _counted++;
    }

    public void Remove(string? user)
    {
        _all--;
        ref var messages = ref CollectionsMarshal.GetValueRefOrNullRef(_messages, user ?? "");
        if (--messages < _most)
            _counted--;
        if (messages == 0)
            _messages.Remove(user ?? "");
    }
}
