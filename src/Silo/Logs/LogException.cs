namespace Realtime.Silo.Logs;

/// <summary>A room's log cannot be opened or appended to. The message is for operators and clients, and shows no secret.</summary>
/// <param name="message">What is wrong, in a sentence.</param>
/// <param name="inner">What has told it.</param>
public class LogException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Another activation of the room has opened its log: this one is out.</summary>
/// <param name="room">The room's name.</param>
public sealed class LogFencedException(string room) : LogException($"The log of room {room} is written by another silo now.");
