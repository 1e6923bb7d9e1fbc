using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>Finds the policy of a room: that of the first rule that fits, else the one of connections.</summary>
internal sealed class SlowConsumers(IOptions<FrontOptions> front, IOptions<ConnectionOptions> connections)
{
    private readonly (NamePattern Rooms, RoomPolicy Policy, string? Key)[] _rules =
        [.. front.Value.SlowConsumers.Select(rule => (new NamePattern(rule.Room), rule.ParsedPolicy, rule.Key))];

    private readonly RoomPolicy _default = connections.Value.SlowConsumer == SlowConsumerPolicy.DropOldest ? RoomPolicy.DropOldest : RoomPolicy.Disconnect;

    /// <summary>The topic of a room whose messages may be dropped; null for one whose slow members are disconnected.</summary>
    public RoomTopic? TopicOf(string room)
    {
        foreach (var rule in _rules)
        {
            if (rule.Rooms.Matches(room))
                return Topic(room, rule.Policy, rule.Key);
        }
        return Topic(room, _default, null);
    }

    private static RoomTopic? Topic(string room, RoomPolicy policy, string? key) => policy == RoomPolicy.Disconnect ? null : new RoomTopic(room, key);
}
