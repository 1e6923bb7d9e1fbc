using System.Collections.Concurrent;
using Realtime.Connections;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Users;

/// <summary>
/// What direct messages are in the queues of slow receivers: those of one sender give way to his own newer ones, and to whatever else
/// needs the space, and the receiver is told. So nobody can have another's connection closed, or keep the messages of others from it.
/// </summary>
internal sealed class DirectTopics
{
    private const int Most = 10_000;

    private readonly ConcurrentDictionary<string, FrameTopic> _bySender = new();
    private readonly FrameTopic _ofServices = new DirectTopic(null);

    /// <summary>The topic of a sender's messages; null for those that have none.</summary>
    public FrameTopic Of(string? sender)
    {
        if (sender is null)
            return _ofServices;
        if (_bySender.TryGetValue(sender, out var topic))
            return topic;
        if (_bySender.Count >= Most)
            _bySender.Clear(); // one who comes back has another topic for what is new
        return _bySender.GetOrAdd(sender, static sender => new DirectTopic(sender));
    }

    private sealed class DirectTopic(string? sender) : FrameTopic
    {
        public override Frame Missing(in MissingMessages missing) => ServerFrames.DirectDropped(sender);
    }
}
