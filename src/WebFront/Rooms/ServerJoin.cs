using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>The server puts a connection into a room: a service has asked for it, or its token names the room.</summary>
/// <param name="command">What goes to the room.</param>
/// <param name="isNamed">The token names the room.</param>
internal sealed class ServerJoin(JoinCommand command, bool isNamed)
{
    private readonly TaskCompletionSource<RefusedReply?> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public JoinCommand Command => command;

    public bool IsNamed => isNamed;

    /// <summary>The connection has sent a join of its own since, to resume; the answer to that counts.</summary>
    public bool IsAdopted { get; set; }

    /// <summary>Why the connection is not in the room; null when it is. Never fails.</summary>
    public Task<RefusedReply?> Ended => _ended.Task;

    /// <summary>The room has answered a command.</summary>
    public void End(RoomCommand answered, RoomReply reply)
    {
        if (ReferenceEquals(answered, command))
            _ended.TrySetResult(reply as RefusedReply);
    }
}
