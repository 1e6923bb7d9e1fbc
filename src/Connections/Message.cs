using System.Text;

namespace Realtime.Connections;

/// <summary>A whole message, however many frames it came in.</summary>
public readonly struct Message
{
    /// <summary>Makes a message to send, over the caller's memory.</summary>
    /// <exception cref="WrongMessageTypeException">The type is neither text nor binary.</exception>
    public Message(MessageType type, ReadOnlyMemory<byte> data)
    {
        if (type is not (MessageType.Text or MessageType.Binary))
            throw new WrongMessageTypeException($"A message is text or binary; {type} frames are sent by the connection itself.");
        Type = type;
        Data = data;
    }

    /// <summary><see cref="MessageType.Text"/> or <see cref="MessageType.Binary"/>.</summary>
    public MessageType Type { get; }

    /// <summary>
    /// The payload. In <see cref="ConnectionHandler.OnMessage"/> it is valid until the returned task completes;
    /// from <see cref="Connection.ReceiveAsync"/> it belongs to the caller.
    /// </summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>The payload decoded; it was checked to be UTF-8 when it came.</summary>
    /// <exception cref="WrongMessageTypeException">The message is binary.</exception>
    public string Text => Type == MessageType.Text
        ? Encoding.UTF8.GetString(Data.Span)
        : throw new WrongMessageTypeException("A text message was expected, but a binary one came.");
}
