using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Unicode;

namespace Realtime.Fuzz.Tests;

/// <summary>
/// What must come of bytes that a client sends after its upgrade, by RFC 6455 section 5 and RFC 7692 section 7, written down independently of
/// the server and only as far as the answers go.
/// </summary>
internal sealed class FrameModel
{
    private const int MaxMessage = 1 << 20; // Connections:MaxMessageSize by default

    private readonly bool _compression;
    private readonly HashSet<int> _codes = [];
    private MemoryStream? _message;
    private int _type;
    private bool _compressed;

    public FrameModel(ReadOnlySpan<byte> bytes, bool compression)
    {
        _compression = compression;
        while (!Ends && TryRead(ref bytes))
        {
        }
    }

    /// <summary>The whole text messages before the end, each of which has one answer.</summary>
    public List<string> Texts { get; } = [];

    /// <summary>What the ping frames carried.</summary>
    public List<byte[]> Pings { get; } = [];

    /// <summary>Whether the server must end the connection.</summary>
    public bool Ends { get; private set; }

    /// <summary>The close codes that it may give; 1005 for none.</summary>
    public IReadOnlySet<int> Codes => _codes;

    /// <summary>Whether a message or frame is not complete: the server may wait for the rest, or know already that it is wrong.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Whether data did not inflate to a message by .NET's decoder, so that only the kind of end is known.</summary>
    public bool IsVague { get; private set; }

    private bool TryRead(ref ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
        {
            IsCut = _message is not null;
            return false;
        }
        IsCut = true;
        if (input.Length < 2)
            return false;
        int first = input[0], opcode = first & 15, second = input[1], form = second & 0x7F;
        bool control = opcode >= 8, fin = (first & 0x80) != 0, rsv1 = (first & 0x40) != 0;
        var wrong = (first & 0x30) != 0
            || (rsv1 && (!_compression || control || opcode == 0))
            || opcode is > 2 and < 8 or > 10
            || (second & 0x80) == 0
            || (control && (!fin || form > 125))
            || (opcode == 0 && _message is null)
            || (opcode is 1 or 2 && _message is not null);
        int head = 2 + form switch { 126 => 2, 127 => 8, _ => 0 };
        if (input.Length < head)
            return wrong && Fail(1002);
        ulong length = form switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(input[2..]),
            127 => BinaryPrimitives.ReadUInt64BigEndian(input[2..]),
            _ => (ulong)form,
        };
        wrong |= length > long.MaxValue || (form == 126 && length < 126) || (form == 127 && length <= ushort.MaxValue);
        if (wrong)
            Fail(1002);
        if (!control && (length > MaxMessage || length + (ulong)(_message?.Length ?? 0) > MaxMessage))
            Fail(1009);
        if (Ends)
            return false;
        head += 4;
        if (input.Length < head || (ulong)(input.Length - head) < length)
            return false;
        var payload = input.Slice(head, (int)length).ToArray();
        for (int i = 0; i < payload.Length; i++)
            payload[i] ^= input[head - 4 + i % 4];
        input = input[(head + payload.Length)..];
        IsCut = false;
        if (control)
            Control(opcode, payload);
        else
            Data(opcode, fin, rsv1, payload);
        return true;
    }

    private void Control(int opcode, byte[] payload)
    {
        if (opcode == ServerFrame.Ping)
            Pings.Add(payload);
        if (opcode != ServerFrame.Close)
            return;
        if (payload.Length == 0)
        {
            Fail(1000);
            Fail(1005);
            return;
        }
        int code = payload.Length == 1 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(payload);
        if (code is not (1000 or 1001 or 1002 or 1003 or (>= 1007 and <= 1014) or (>= 3000 and <= 4999)))
            Fail(1002);
        else if (!Utf8.IsValid(payload.AsSpan(2)))
            Fail(1007);
        else
        {
            Fail(code);
            Fail(1000);
        }
    }

    private void Data(int opcode, bool fin, bool rsv1, byte[] payload)
    {
        if (opcode != 0)
            (_message, _type, _compressed) = (new MemoryStream(), opcode, rsv1);
        _message!.Write(payload);
        if (!fin)
        {
            IsCut = true; // as long as nothing follows
            return;
        }
        var data = _message.ToArray();
        _message = null;
        if (_compressed && Inflate(data) is var inflated)
        {
            if (inflated is null)
            {
                IsVague = Ends = true;
                return;
            }
            data = inflated;
        }
        if (_type == ServerFrame.Binary)
            Fail(1003);
        else if (Utf8.IsValid(data))
            Texts.Add(Encoding.UTF8.GetString(data));
        else
            Fail(1007);
    }

    /// <summary>Null when it is not surely a whole message: .NET's decoder takes what is cut, and does not say where a final block ended.</summary>
    private static byte[]? Inflate(byte[] data)
    {
        try
        {
            using var inflater = new DeflateStream(new MemoryStream([.. data, 0, 0, 0xFF, 0xFF]), CompressionMode.Decompress);
            var text = new MemoryStream();
            inflater.CopyTo(text);
            // What the generator makes of a text; anything else, right or not, is left open.
            return Deflate(text.ToArray()).AsSpan().SequenceEqual(data) ? text.ToArray() : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>Compresses a message (RFC 7692 section 7.2.1).</summary>
    public static byte[] Deflate(byte[] text)
    {
        var data = new MemoryStream();
        using (var deflater = new DeflateStream(data, CompressionLevel.Fastest, leaveOpen: true))
        {
            deflater.Write(text);
            deflater.Flush();
            return text.Length == 0 ? [0] : data.ToArray()[..^4]; // section 7.2.3.6: .NET gives nothing for nothing
        }
    }

    private bool Fail(int code)
    {
        Ends = true;
        _codes.Add(code);
        // Text may be known to be wrong before its message is complete.
        if (_message is not null && !_compressed && _type == ServerFrame.Text && !Utf8.IsValid(_message.ToArray()))
            _codes.Add(1007);
        return false;
    }
}
