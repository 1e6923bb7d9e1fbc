using System.Text;
using Realtime.Connections;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <summary>A room whose messages may be dropped for slow members, which get <c>dropped</c> instead.</summary>
/// <param name="room">The room's name.</param>
/// <param name="key">The member of <c>data</c> that is a message's key; null when the oldest are dropped.</param>
internal sealed class RoomTopic(string room, string? key) : FrameTopic
{
    private readonly byte[] _room = JsonText.Quoted(room);
    private readonly byte[]? _key = key is null ? null : Encoding.UTF8.GetBytes(key);

    public override bool HasKeys => _key is not null;

    public override string? KeyOf(ReadOnlySpan<byte> payload) => MessageKey.Read(payload, _key);

    public override Frame Missing(in MissingMessages missing) => ServerFrames.Dropped(_room, missing);
}
