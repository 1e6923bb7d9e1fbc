namespace Realtime.Connections.Transport;

/// <summary>Who uses a <see cref="PolledSocket"/>.</summary>
internal interface IPolled
{
    /// <summary>Something happened at the socket. Runs on the thread that polls: never blocks, never throws.</summary>
    /// <param name="events">What epoll said: <see cref="Linux.In"/> and others.</param>
    void OnEvents(uint events);

    /// <summary>The host has stopped: ends the use of the socket at once. Never throws.</summary>
    void Abort();
}
