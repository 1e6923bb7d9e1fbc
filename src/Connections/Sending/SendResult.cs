namespace Realtime.Connections.Sending;

/// <summary>What became of a message that was to be sent.</summary>
internal enum SendResult : byte
{
    /// <summary>The socket or the queue has it.</summary>
    Taken,

    /// <summary>The queue is full.</summary>
    Full,

    /// <summary>The connection is closed, or closes.</summary>
    Closed,

    /// <summary><see cref="ConnectionHandler.OnSend"/> did not let it pass.</summary>
    HeldBack,
}
