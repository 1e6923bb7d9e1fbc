namespace Realtime.Connections;

/// <summary>What a frame carries: the opcodes of RFC 6455 section 5.2 that an application meets.</summary>
/// <remarks>Applications send and receive <see cref="Text"/> and <see cref="Binary"/>; close, ping and pong are answered by the connection itself.</remarks>
public enum MessageType : byte
{
    /// <summary>UTF-8 text.</summary>
    Text = 1,

    /// <summary>Bytes of the application's own format.</summary>
    Binary = 2,

    /// <summary>Start or answer of the close handshake.</summary>
    Close = 8,

    /// <summary>A sign of life that asks for a pong.</summary>
    Ping = 9,

    /// <summary>The answer to a ping.</summary>
    Pong = 10,
}
