namespace Realtime.Silo.Hosting;

/// <summary>Why a process cannot start, in words for who runs it: its message is shown, its stack trace is not.</summary>
internal sealed class StartException(string message) : Exception(message);
