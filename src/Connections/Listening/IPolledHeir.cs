namespace Realtime.Connections.Listening;

/// <summary>Who takes a socket over when HTTP is done with it.</summary>
internal interface IPolledHeir
{
    /// <summary>Waits until what HTTP wrote is sent, as long as that may take.</summary>
    /// <exception cref="TimeoutException">It took too long.</exception>
    Task InTimeAsync(Task sent);

    /// <summary>The socket is the heir's from now on. Never blocks, never throws.</summary>
    /// <param name="socket">Everything that HTTP wrote has been sent.</param>
    /// <param name="unconsumed">What has come for the heir and was read already.</param>
    void Take(PolledSocket socket, byte[] unconsumed);

    /// <summary>The connection ended before it could be taken. Never throws.</summary>
    void Lose();
}
