namespace Realtime.Connections;

/// <summary>The base of what a <see cref="Connection"/> throws.</summary>
public abstract class ConnectionException(string message) : Exception(message);

/// <summary>The connection is closed; nothing can be sent or received any more.</summary>
public sealed class ConnectionClosedException(ushort code, string reason)
    : ConnectionException(reason.Length == 0 ? $"The connection is closed ({code})." : $"The connection is closed ({code}: {reason}).")
{
    /// <summary>The close code (RFC 6455 section 7.4); see <see cref="CloseCodes"/>.</summary>
    public ushort Code { get; } = code;

    /// <summary>The close reason; empty when none was given.</summary>
    public string Reason { get; } = reason;
}

/// <summary>A message is larger than <see cref="ConnectionOptions.MaxMessageSize"/>.</summary>
public sealed class MessageTooLargeException(long size, int limit)
    : ConnectionException($"A message of {size} bytes is over the limit of {limit} bytes.")
{
    /// <summary>The size in bytes that was announced or met.</summary>
    public long Size { get; } = size;

    /// <summary>The limit in bytes.</summary>
    public int Limit { get; } = limit;
}

/// <summary>A message is binary where text is due, or the other way round, or of a type that applications do not send.</summary>
public sealed class WrongMessageTypeException(string message) : ConnectionException(message);

/// <summary>The outbound queue of a connection is full: the peer reads more slowly than is sent to it.</summary>
public sealed class QueueFullException(int messages, int bytes)
    : ConnectionException($"The outbound queue is full ({messages} messages, {bytes} bytes wait).")
{
    /// <summary>How many messages were waiting.</summary>
    public int Messages { get; } = messages;

    /// <summary>How many bytes were waiting.</summary>
    public int Bytes { get; } = bytes;
}
