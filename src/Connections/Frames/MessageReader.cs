using System.Buffers;
using System.Buffers.Binary;
using System.Text.Unicode;

namespace Realtime.Connections.Frames;

/// <summary>What the reader has to know about the connection.</summary>
/// <param name="MaxMessageSize">Largest message, in bytes.</param>
/// <param name="Compression">Whether permessage-deflate was agreed.</param>
/// <param name="OwnArrays">Whether messages get exact arrays of their own instead of pooled ones.</param>
internal readonly record struct ReadSettings(int MaxMessageSize, bool Compression, bool OwnArrays);

/// <summary>A whole message or control frame.</summary>
internal readonly record struct Received(MessageType Type, byte[] Array, int Length, bool Pooled, bool Compressed = false)
{
    public ReadOnlyMemory<byte> Payload => Array.AsMemory(0, Length);

    public void Release()
    {
        if (Pooled)
            ArrayPool<byte>.Shared.Return(Array);
    }
}

/// <summary>
/// Takes messages out of what came from the peer (RFC 6455 section 5). A message that is there as one whole frame, which is nearly every
/// one, is unmasked straight into its array; anything else is gathered in a <see cref="PartialMessage"/>, which exists only meanwhile.
/// </summary>
internal struct MessageReader
{
    private PartialMessage? _partial;

    /// <summary>Whether a part of a message has come.</summary>
    public readonly bool HasPartial => _partial is not null;

    /// <summary>
    /// Takes one message or control frame off the front of the input, or as much of one as is there. A compressed message is not
    /// inflated yet: see <see cref="Inflate"/>.
    /// </summary>
    /// <param name="input">What has come.</param>
    /// <param name="settings">The connection's.</param>
    /// <param name="queue">Where messages will wait; null when they do not. A frame for which it has no space is left in the input.</param>
    /// <param name="budget">Counts what is taken; nothing is any more when it is spent.</param>
    /// <param name="received">The message or control frame.</param>
    /// <param name="noSpaceFor">How many bytes the queue must have space for before more can be read; 0 for none.</param>
    /// <exception cref="ReceiveException">The peer broke a rule; nothing can be read any more.</exception>
    public bool TryRead(ref ReadOnlySequence<byte> input, ReadSettings settings, ReceiveQueue? queue, ref ReadBudget budget, out Received received, out long noSpaceFor)
    {
        received = default;
        noSpaceFor = 0;
        while (!budget.IsSpent)
        {
            if (_partial is { InFrame: true } partial)
            {
                long before = input.Length;
                partial.Append(ref input);
                budget.CountBytes((int)(before - input.Length));
                if (partial.InFrame)
                    return false;
                if (!partial.IsLastFrame)
                    continue;
                _partial = null;
                received = partial.Finish(settings);
                return true;
            }

            if (!TryReadHead(input, settings, out var head))
                return false;
            bool whole = input.Length - head.Size >= head.Payload;
            if (head.IsControl && !whole)
                return false;
            if (!head.IsControl && queue is not null)
            {
                long message = (long)head.Payload + (_partial?.Length ?? 0);
                if (!queue.HasSpace(message))
                {
                    noSpaceFor = Math.Max(message, 1);
                    return false;
                }
            }
            budget.CountFrame();
            if (head.IsControl || !head.Fin || _partial is not null)
                budget.CountPart();
            if (head.IsControl || (whole && head.Fin && _partial is null))
            {
                received = TakeWhole(input.Slice(head.Size, head.Payload), head, settings);
                input = input.Slice(head.Size + head.Payload);
                budget.CountBytes(head.Payload);
                return true;
            }
            _partial ??= new PartialMessage(head.Type, head.Compressed);
            _partial.BeginFrame(head);
            input = input.Slice(head.Size);
        }
        return false;
    }

    /// <summary>Gives back what a message that will never be whole holds.</summary>
    public void Release()
    {
        _partial?.Release();
        _partial = null;
    }

    private readonly bool TryReadHead(in ReadOnlySequence<byte> input, ReadSettings settings, out Head head)
    {
        head = default;
        Span<byte> bytes = stackalloc byte[FrameHeader.MaxClientSize];
        int available = (int)Math.Min(input.Length, FrameHeader.MaxClientSize);
        if (available < 2)
            return false;
        input.Slice(0, available).CopyTo(bytes);

        byte first = bytes[0], second = bytes[1];
        bool fin = (first & FrameHeader.Fin) != 0, compressed = (first & FrameHeader.Rsv1) != 0;
        int opcode = first & FrameHeader.OpcodeMask, length = second & FrameHeader.LengthMask;
        bool control = opcode >= (int)MessageType.Close;

        if ((first & FrameHeader.Rsv23) != 0 || (compressed && (!settings.Compression || control || opcode == Continuation)))
            throw ReceiveException.Protocol("a reserved bit is set");
        if (opcode is not (Continuation or (int)MessageType.Text or (int)MessageType.Binary) && opcode is < (int)MessageType.Close or > (int)MessageType.Pong)
            throw ReceiveException.Protocol($"opcode {opcode} is reserved");
        if ((second & FrameHeader.Masked) == 0)
            throw ReceiveException.Protocol("a client's frame is not masked");
        if (control && !fin)
            throw ReceiveException.Protocol("a control frame is fragmented");
        if (control && length > FrameHeader.MaxShort)
            throw ReceiveException.Protocol("a control frame is longer than 125 bytes");
        if (opcode == Continuation && _partial is null)
            throw ReceiveException.Protocol("a continuation without a message that it continues");
        if (opcode is (int)MessageType.Text or (int)MessageType.Binary && _partial is not null)
            throw ReceiveException.Protocol("a new message before the last one ended");

        int lengthSize = length switch { FrameHeader.Length16 => 2, FrameHeader.Length64 => 8, _ => 0 };
        int size = 2 + lengthSize + sizeof(uint);
        if (available < 2 + lengthSize)
            return false;
        ulong payload = lengthSize switch
        {
            2 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            8 => BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]),
            _ => (ulong)length,
        };
        if (payload > long.MaxValue || (lengthSize == 2 && payload <= FrameHeader.MaxShort) || (lengthSize == 8 && payload <= ushort.MaxValue))
            throw ReceiveException.Protocol("a payload length is not in its shortest form");
        ulong total = payload + (ulong)(control ? 0 : _partial?.Length ?? 0);
        if (total > (ulong)settings.MaxMessageSize && !control)
            throw ReceiveException.TooLarge((long)Math.Min(total, long.MaxValue), settings.MaxMessageSize);
        if (available < size)
            return false;
        uint key = BitConverter.ToUInt32(bytes[(size - sizeof(uint))..]);
        head = new((MessageType)opcode, fin, compressed, control, size, (int)payload, key);
        return true;
    }

    private static Received TakeWhole(in ReadOnlySequence<byte> payload, in Head head, ReadSettings settings)
    {
        bool pooled = !head.IsControl && (!settings.OwnArrays || head.Compressed);
        int length = (int)payload.Length;
        var array = length == 0 ? [] : pooled ? ArrayPool<byte>.Shared.Rent(length) : new byte[length];
        uint key = head.Key;
        if (payload.IsSingleSegment)
            Masking.Unmask(payload.FirstSpan, array, key);
        else
        {
            int at = 0;
            foreach (var segment in payload)
            {
                key = Masking.Unmask(segment.Span, array.AsSpan(at), key);
                at += segment.Length;
            }
        }
        var received = new Received(head.Type, array, length, pooled && length > 0, head.Compressed);
        if (!head.Compressed && head.Type == MessageType.Text && !Utf8.IsValid(array.AsSpan(0, length)))
        {
            received.Release();
            throw ReceiveException.NotUtf8();
        }
        return received;
    }

    /// <summary>Inflates a compressed message into a pooled array; the compressed one is kept.</summary>
    /// <exception cref="ReceiveException">It is not valid.</exception>
    public static Received Inflate(in Received message, ReadSettings settings)
    {
        var (array, length) = Inflater.Inflate(message.Payload, settings.MaxMessageSize);
        var inflated = new Received(message.Type, array, length, Pooled: true);
        if (message.Type == MessageType.Text && !Utf8.IsValid(array.AsSpan(0, length)))
        {
            inflated.Release();
            throw ReceiveException.NotUtf8();
        }
        return inflated;
    }

    /// <summary>The same message in an array of exactly its size that belongs to whoever gets it.</summary>
    internal static Received Own(Received message)
    {
        var own = message with { Array = message.Payload.ToArray(), Pooled = false };
        message.Release();
        return own;
    }

    private const int Continuation = 0;

    internal readonly record struct Head(MessageType Type, bool Fin, bool Compressed, bool IsControl, int Size, int Payload, uint Key);
}
