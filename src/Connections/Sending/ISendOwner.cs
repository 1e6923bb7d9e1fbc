namespace Realtime.Connections.Sending;

/// <summary>What a <see cref="SendPump"/> and its queue need of the connection that they belong to.</summary>
internal interface ISendOwner
{
    ConnectionOptions Options { get; }

    /// <summary>Guards the queue.</summary>
    Lock OutputLock { get; }

    /// <summary>A frame as this peer gets it: compressed, if that was agreed.</summary>
    byte[] BytesOf(Frame frame);

    /// <summary>A ping as this peer gets it.</summary>
    byte[] Ping => ControlFrames.Ping;

    /// <summary>How many bytes the peer has acknowledged; see <see cref="ITransport.Acknowledged"/>.</summary>
    long? Acknowledged { get; }

    /// <summary>When the peer has to have taken something of a write, from now on, in ticks of the heartbeat, which looks at the connection then.</summary>
    int NewWriteDeadline();

    /// <summary>Gives bytes to the peer, waiting as long as it takes; throws when the peer is gone.</summary>
    ValueTask WriteAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>A write failed: whatever the transport threw, there is nobody to write to. Never throws.</summary>
    void WriteFailed();

    /// <summary>Nothing waits any more, and the pump has ended. Under the lock.</summary>
    void Drained(SendPump pump);
}
