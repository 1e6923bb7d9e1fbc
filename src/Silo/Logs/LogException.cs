namespace Realtime.Silo.Logs;

/// <summary>A room's log cannot be opened or appended to. The message is for operators and clients, and shows no secret.</summary>
internal class LogException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Another activation of the room has opened its log: this one is out.</summary>
internal sealed class LogFencedException(string room) : LogException($"The log of room {room} is written by another silo now.");
