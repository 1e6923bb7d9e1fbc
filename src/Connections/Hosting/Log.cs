using System.Net;
using Microsoft.Extensions.Logging;

namespace Realtime.Connections.Hosting;

/// <summary>Everything that is logged, with its event id.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "The handler of connection {Id} failed; it is closed with 1011")]
    public static partial void HandlerFailed(ILogger logger, string id, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "OnClosed of connection {Id} failed")]
    public static partial void OnClosedFailed(ILogger logger, string id, Exception exception);

    [LoggerMessage(3, LogLevel.Error, "The heartbeat of connection {Id} failed")]
    public static partial void HeartbeatFailed(ILogger logger, string id, Exception exception);

    [LoggerMessage(4, LogLevel.Debug, "Upgrade refused with {Status}: {Reason}")]
    public static partial void UpgradeRefused(ILogger logger, int status, string reason);

    [LoggerMessage(5, LogLevel.Debug, "Connection {Id} closed with {Code} {Reason}")]
    public static partial void Closed(ILogger logger, string id, ushort code, string reason);

    [LoggerMessage(6, LogLevel.Information, "The host stops: {Count} connections are closed over {Spread}")]
    public static partial void Draining(ILogger logger, int count, TimeSpan spread);

    [LoggerMessage(7, LogLevel.Warning, "The host stops: {Count} connections have not ended in time and are cut")]
    public static partial void DrainEnds(ILogger logger, int count);

    [LoggerMessage(8, LogLevel.Debug, "A peer left before its upgrade request was answered: there is no connection")]
    public static partial void AnswerNotSent(ILogger logger);

    [LoggerMessage(10, LogLevel.Warning, "The system gives no poller: Kestrel's own transport serves, which costs memory and CPU")]
    public static partial void NoPollers(ILogger logger, Exception exception);

    [LoggerMessage(11, LogLevel.Error, "A poller could not tell what happened at a socket; it is closed")]
    public static partial void EventFailed(ILogger logger, Exception exception);

    [LoggerMessage(12, LogLevel.Error, "A callback of Closed of connection {Id} failed")]
    public static partial void ClosedCallbackFailed(ILogger logger, string id, Exception exception);

    [LoggerMessage(17, LogLevel.Error, "A read or write failed in a way that was not foreseen; its connection is aborted")]
    public static partial void TurnFailed(ILogger logger, Exception exception);

    [LoggerMessage(13, LogLevel.Error, "A callback of ConnectionClosed of a server's connection failed")]
    public static partial void TransportClosedCallbackFailed(ILogger logger, Exception exception);

    [LoggerMessage(14, LogLevel.Warning, "{EndPoint}: the process has no file descriptors left but a few in reserve. New connections are closed until others end; raise the limit of open files")]
    public static partial void NoDescriptors(ILogger logger, EndPoint endPoint);

    [LoggerMessage(15, LogLevel.Information, "{EndPoint} accepts connections again")]
    public static partial void Accepting(ILogger logger, EndPoint endPoint);

    [LoggerMessage(16, LogLevel.Error, "{EndPoint} could not accept a connection (error {Error}); it tries again")]
    public static partial void AcceptFailed(ILogger logger, EndPoint endPoint, int error, Exception? exception);

    [LoggerMessage(18, LogLevel.Error, "A poller cannot wait for its sockets (error {Error}): it looks at them every few milliseconds")]
    public static partial void PollerFailed(ILogger logger, int error);
}
