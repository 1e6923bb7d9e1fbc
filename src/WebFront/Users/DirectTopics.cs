using System.Collections.Concurrent;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Users;

/// <summary>
/// What direct messages are in the queues of slow receivers: those of one sender give way to his own newer ones, and to whatever else
/// needs the space, and the receiver is told. So nobody can have another's connection closed, or keep the messages of others from it.
/// </summary>
internal sealed class DirectTopics
{
    private const int Most = 10_000;

    private readonly ConcurrentDictionary<(string? Sender, bool IsService), FrameTopic> _bySender = new();

    /// <summary>The topic of a sender's messages; a service is another one than the user of its name.</summary>
    public FrameTopic Of(FrontEvent message)
    {
        var sender = (message.From, message.IsService);
        if (_bySender.TryGetValue(sender, out var topic))
            return topic;
        if (_bySender.Count >= Most)
            _bySender.Clear(); // one who comes back has another topic for what is new
        return _bySender.GetOrAdd(sender, static sender => new DirectTopic(sender.Sender, sender.IsService));
    }

    private sealed class DirectTopic(string? sender, bool isService) : FrameTopic
    {
        public override Frame Missing(in MissingMessages missing) => ServerFrames.DirectDropped(sender, isService);
    }
}
