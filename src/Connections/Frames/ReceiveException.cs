namespace Realtime.Connections.Frames;

/// <summary>What the peer sent ends the connection with this code and reason.</summary>
internal sealed class ReceiveException(ushort code, string reason) : Exception(reason)
{
    public ushort Code { get; } = code;

    public static ReceiveException Protocol(string reason) => new(CloseCodes.ProtocolError, reason);

    public static ReceiveException TooLarge(long size, int limit) =>
        new(CloseCodes.MessageTooBig, $"a message of {size} bytes or more is over the limit of {limit}");

    public static ReceiveException NotUtf8() => new(CloseCodes.InvalidData, "a text message is not UTF-8");
}
