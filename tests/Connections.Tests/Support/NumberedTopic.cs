using System.Buffers.Binary;
using System.Text;

namespace Realtime.Connections.Tests.Support;

/// <summary>A topic of binary messages that begin with their number and their key; what is evicted is told in words.</summary>
public sealed class NumberedTopic(string name, bool keys = false) : FrameTopic
{
    private const int NoKey = 0;
    private const int Head = 8;

    public override bool HasKeys => keys;

    public override string? KeyOf(ReadOnlySpan<byte> payload) =>
        BinaryPrimitives.ReadInt32LittleEndian(payload[4..]) is var key and not NoKey ? ((char)key).ToString() : null;

    public override Frame Missing(in MissingMessages missing) =>
        Frame.Text($"{name} {missing.Epoch}:{missing.From}-{missing.To}{(missing.Unnumbered ? "+" : "")}");

    /// <summary>Messages with a key each, a space for none, in one frame.</summary>
    public Frame Of(string epoch, int first, string keysOfMessages, int size = 5000)
    {
        var builder = new FrameBuilder();
        var payload = new byte[size];
        Encoding.ASCII.GetBytes(name).CopyTo(payload, Head);
        for (int i = 0; i < keysOfMessages.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(payload, first + i);
            BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(4), keysOfMessages[i] == ' ' ? NoKey : keysOfMessages[i]);
            builder.BeginBinary();
            builder.Write(payload);
            builder.End();
        }
        return builder.Build(this, epoch, first);
    }

    /// <summary>A text message without a number.</summary>
    public Frame Unnumbered(string text)
    {
        var builder = new FrameBuilder();
        builder.BeginText();
        builder.Write(Encoding.UTF8.GetBytes(text.PadRight(5000)));
        builder.End();
        return builder.Build(this, null, 0);
    }

    /// <summary>A received frame as a word: <c>A7</c> for message 7 of topic A, the text of a text.</summary>
    public static string Read(bool isText, byte[] payload) => isText
        ? Encoding.UTF8.GetString(payload).TrimEnd()
        : $"{(char)payload[Head]}{BinaryPrimitives.ReadInt32LittleEndian(payload)}";
}
