using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using Realtime.Connections.Tests.Support;

namespace Realtime.Fuzz.Tests;

/// <summary>
/// What must come of bytes that a client sends after its upgrade, by RFC 6455 section 5 and RFC 7692 section 7, written down independently of
/// the server and only as far as the answers go.
/// </summary>
internal sealed class FrameModel
{
    /// <summary>Connections:MaxMessageSize.</summary>
    public const int MaxMessage = 1 << 20;

    private const int MostGrowth = 1032; // 258 bytes in two bits, the most that deflate does

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
        if (_compressed)
        {
            if (DeflateReader.Read(data)?.Output is not { } inflated)
            {
                Fail(1007);
                if (data.Length * MostGrowth > MaxMessage)
                    Fail(1009); // it may be too large before it is wrong
                return;
            }
            data = inflated;
        }
        if (data.Length > MaxMessage)
            Fail(1009);
        else if (_type == ServerFrame.Binary)
            Fail(1003);
        else if (Utf8.IsValid(data))
            Texts.Add(Encoding.UTF8.GetString(data));
        else
            Fail(1007);
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
