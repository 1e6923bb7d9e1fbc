using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Realtime.Connections.Frames;

/// <summary>Pings, pongs and closes (RFC 6455 section 5.5).</summary>
internal static class ControlFrames
{
    /// <summary>A close reason's bound: a control frame's payload less the code.</summary>
    public const int MaxReason = FrameHeader.MaxShort - sizeof(ushort);

    public static readonly byte[] Ping = [FrameHeader.Fin | (byte)MessageType.Ping, 0];
    private static readonly byte[] s_emptyPong = [FrameHeader.Fin | (byte)MessageType.Pong, 0];
    private static readonly byte[] s_emptyClose = [FrameHeader.Fin | (byte)MessageType.Close, 0];

    public static byte[] Pong(ReadOnlySpan<byte> payload)
    {
        if (payload.IsEmpty)
            return s_emptyPong;
        var frame = new byte[2 + payload.Length];
        FrameHeader.Write(frame, FrameHeader.Fin | (byte)MessageType.Pong, payload.Length);
        payload.CopyTo(frame.AsSpan(2));
        return frame;
    }

    public static byte[] Close(ushort code, string reason)
    {
        if (code == CloseCodes.NoStatus)
            return s_emptyClose;
        int length = sizeof(ushort) + Encoding.UTF8.GetByteCount(reason);
        var frame = new byte[2 + length];
        FrameHeader.Write(frame, FrameHeader.Fin | (byte)MessageType.Close, length);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), code);
        Encoding.UTF8.GetBytes(reason, frame.AsSpan(4));
        return frame;
    }

    /// <summary>Reads what a peer's close frame says (section 7.1.5 and 7.4).</summary>
    public static (ushort Code, string Reason) ReadClose(ReadOnlySpan<byte> payload)
    {
        if (payload.IsEmpty)
            return (CloseCodes.NoStatus, "");
        if (payload.Length == 1)
            throw ReceiveException.Protocol("a close frame with one byte");
        ushort code = BinaryPrimitives.ReadUInt16BigEndian(payload);
        if (!CloseCodes.MayBeSent(code))
            throw ReceiveException.Protocol($"close code {code} must not be sent");
        var reason = payload[2..];
        if (!System.Text.Unicode.Utf8.IsValid(reason))
            throw new ReceiveException(CloseCodes.InvalidData, "a close reason is not UTF-8");
        return (code, Encoding.UTF8.GetString(reason));
    }

    /// <summary>Whether a whole close frame stands at the front, or what a client took for one: too long, fragmented or not masked.</summary>
    public static bool StartsWithClose(in ReadOnlySequence<byte> input)
    {
        Span<byte> head = stackalloc byte[FrameHeader.MaxClientSize];
        head = head[..(int)Math.Min(input.Length, head.Length)];
        input.Slice(0, head.Length).CopyTo(head);
        if (head.Length < 2 || (head[0] & FrameHeader.OpcodeMask) != (int)MessageType.Close)
            return false;
        int size = 2 + ((head[1] & FrameHeader.Masked) != 0 ? sizeof(uint) : 0);
        return (head[1] & FrameHeader.LengthMask) switch
        {
            FrameHeader.Length64 => false, // nobody explains himself at such a length
            FrameHeader.Length16 => head.Length >= 4 && input.Length >= size + 2 + BinaryPrimitives.ReadUInt16BigEndian(head[2..]),
            var length => input.Length >= size + length,
        };
    }

    /// <summary>
    /// Whether a client's whole close frame stands at the end, for input in which nobody knows where frames begin: a client sends
    /// nothing after it (RFC 6455 section 5.5.1). Taking other bytes for one only ends earlier what has failed.
    /// </summary>
    /// <param name="input">What the client has sent.</param>
    /// <param name="rest">From where on it could be part of one.</param>
    public static bool EndsWithClose(in ReadOnlySequence<byte> input, out SequencePosition rest)
    {
        const int head = 6; // with the mask
        const int most = head + 125;
        const byte close = 0x88, masked = 0x80;
        rest = input.GetPosition(Math.Max(0, input.Length - most));
        Span<byte> bytes = stackalloc byte[most];
        var tail = input.Slice(rest);
        tail.CopyTo(bytes);
        bytes = bytes[..(int)tail.Length];
        for (int at = 0; at <= bytes.Length - head; at++)
            if (bytes[at] == close && bytes[at + 1] == (masked | (bytes.Length - at - head)))
                return true;
        return false;
    }
}

/// <summary>The answers to the pings of one go: each with its payload, all in one write.</summary>
internal struct Pongs
{
    private byte[]? _joined; // pooled; null until there are two
    private int _length;

    /// <summary>The answer to the latest ping; null for none.</summary>
    public byte[]? Last { get; private set; }

    public readonly ReadOnlySpan<byte> Frames => _joined is null ? Last : _joined.AsSpan(0, _length);

    public void Add(ReadOnlySpan<byte> ping)
    {
        if (Last is { } first && _joined is null)
        {
            _joined = ArrayPool<byte>.Shared.Rent(ReadBudget.MostFrames * (2 + FrameHeader.MaxShort));
            Append(first);
        }
        Last = ControlFrames.Pong(ping);
        if (_joined is not null)
            Append(Last);
    }

    public void Clear()
    {
        if (_joined is not null)
            ArrayPool<byte>.Shared.Return(_joined);
        this = default;
    }

    private void Append(byte[] frame)
    {
        frame.CopyTo(_joined!, _length);
        _length += frame.Length;
    }
}
