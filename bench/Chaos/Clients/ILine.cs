using System.Threading.Channels;

namespace Realtime.Chaos.Clients;

/// <summary>An open connection, whatever carries its frames.</summary>
internal interface ILine : IDisposable
{
    /// <summary>Sends what is put into the channel, in order, until the line is lost or it is cancelled; fails never.</summary>
    Task Send(ChannelReader<string> frames, CancellationToken stopping);

    /// <summary>Hands out what comes, until the line is lost or it is cancelled; returns why.</summary>
    Task<string> Receive(ReceiveFrame received, CancellationToken stopping);
}

/// <summary>Opens a line to a front for a user; null when that is not possible now.</summary>
internal delegate Task<ILine?> OpenLine(Uri front, string user, CancellationToken stopping);

/// <summary>Takes a frame of the server.</summary>
internal delegate void ReceiveFrame(ServerFrame frame);
