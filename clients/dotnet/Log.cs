using Microsoft.Extensions.Logging;

namespace Realtime.Client;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Connected to {Address}.")]
    public static partial void Connected(ILogger logger, Uri address);

    [LoggerMessage(2, LogLevel.Warning, "No connection ({Code}): {Reason} Attempt {Attempt} in {Wait}.")]
    public static partial void Reconnects(ILogger logger, int code, string reason, int attempt, TimeSpan wait);

    [LoggerMessage(3, LogLevel.Error, "The client has stopped ({Code}): {Reason}")]
    public static partial void Stopped(ILogger logger, int code, string reason);

    [LoggerMessage(4, LogLevel.Warning, "Out of the room {Room} ({Code}): {Reason}")]
    public static partial void Left(ILogger logger, string room, string code, string reason);

    [LoggerMessage(5, LogLevel.Warning, "More comes from {Room} than is read; the oldest give way.")]
    public static partial void SlowConsumer(ILogger logger, string room);

    [LoggerMessage(6, LogLevel.Warning, "The server sent an error that answers nothing ({Code}): {Content}")]
    public static partial void Unasked(ILogger logger, string code, string content);

    [LoggerMessage(7, LogLevel.Warning, "A frame is not as the protocol has it, and is passed over: {Frame}")]
    public static partial void Broken(ILogger logger, string frame);

    [LoggerMessage(8, LogLevel.Error, "The method {Method} failed.")]
    public static partial void CallFailed(ILogger logger, string method, Exception exception);

    [LoggerMessage(9, LogLevel.Error, "A handler of an event failed.")]
    public static partial void HandlerFailed(ILogger logger, Exception exception);

    [LoggerMessage(10, LogLevel.Warning, "The token was not renewed.")]
    public static partial void NoRenewal(ILogger logger, Exception exception);

    [LoggerMessage(11, LogLevel.Warning, "The inbox was refused ({Code}): {Reason}")]
    public static partial void InboxRefused(ILogger logger, string code, string reason);

    [LoggerMessage(12, LogLevel.Error, "A fault of the client; it goes on with another connection.")]
    public static partial void Failed(ILogger logger, Exception exception);

    [LoggerMessage(13, LogLevel.Warning, "WebSockets do not pass; frames come by server-sent events and go by posts.")]
    public static partial void WithoutWebSocket(ILogger logger);

    [LoggerMessage(14, LogLevel.Debug, "A look whether WebSockets pass failed.")]
    public static partial void NoLook(ILogger logger, Exception exception);
}
