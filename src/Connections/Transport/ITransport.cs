using System.IO.Pipelines;

namespace Realtime.Connections.Transport;

/// <summary>
/// The way to the peer's bytes after the upgrade. Two implementations for WebSockets stand side by side: <see cref="PolledTransport"/>, the quick
/// one, for a plain TCP connection on Linux, and <see cref="StreamTransport"/>, the portable one, for TLS, HTTP/2 and whatever else can be
/// upgraded. <see cref="EventStreamTransport"/> is for peers that only listen.
/// </summary>
/// <remarks>
/// The connection calls <see cref="TrySend"/> and <see cref="SendAsync"/> never at the same time, and <see cref="TrySend"/> under
/// its lock, which is this object's monitor.
/// </remarks>
internal interface ITransport
{
    /// <summary>What <see cref="TrySend"/> returns when the peer is gone.</summary>
    const int Gone = -1;

    /// <summary>Whether it has left HTTP, so that the server no longer counts it.</summary>
    bool HasLeft { get; }

    /// <summary>What comes from the peer, starting with the first byte after the upgrade request.</summary>
    PipeReader Input { get; }

    /// <summary>How many bytes the peer's system has acknowledged, counted from anywhere; null when nobody knows. Never throws.</summary>
    long? Acknowledged { get; }

    /// <summary>Gives bytes to the peer without waiting.</summary>
    /// <returns>How many were taken, 0 when it would have to wait, <see cref="Gone"/> when the peer is gone. Never throws.</returns>
    int TrySend(ReadOnlySpan<byte> bytes);

    /// <summary>Gives all bytes to the peer, waiting as long as it takes. Throws when the peer is gone or after <see cref="Abort"/>.</summary>
    ValueTask SendAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>
    /// Waits until everything that was taken is on its way, then says to the peer that nothing more will come, where the transport can.
    /// Never throws; ends after <see cref="Abort"/> too.
    /// </summary>
    ValueTask CloseOutputAsync();

    /// <summary>Our close goes, and the peer will not answer it: the input ends, of a transport whose peer cannot send. Never throws, any number of times.</summary>
    void EndInput()
    {
    }

    /// <summary>Whether a peer that cannot send has shown since the last time it was asked that it is there. Never throws.</summary>
    bool ShowsLife() => false;

    /// <summary>Ends both directions at once; reads and writes that wait end too. Never throws, any number of times.</summary>
    void Abort();
}
