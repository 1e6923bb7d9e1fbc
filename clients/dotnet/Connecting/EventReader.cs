using System.Buffers.Text;

namespace Realtime.Client.Connecting;

/// <summary>What an event is for, by its name.</summary>
internal enum EventKind : byte
{
    /// <summary>A frame that is text.</summary>
    Text,

    /// <summary>A frame that is binary, decoded.</summary>
    Binary,

    /// <summary>The address to which the session's client posts.</summary>
    Session,

    /// <summary>The end, with its close code.</summary>
    Closed,
}

/// <summary>Reads the server-sent events of a session: docs/protocol.md, "Sessions without a WebSocket".</summary>
/// <param name="maxBytes">The longest data of an event; twice as much may wait to be one.</param>
internal sealed class EventReader(Stream stream, int maxBytes)
{
    private const int BufferBytes = 16 * 1024;

    private byte[] _buffer = new byte[BufferBytes];
    private byte[] _data = [];
    private int _start, _scanned, _end; // of what is in the buffer: not taken yet, without a line break, filled
    private int _length;
    private bool _hasData;

    public EventKind Kind { get; private set; }

    /// <summary>The data of the event that was read last, until the next is read.</summary>
    public ReadOnlyMemory<byte> Data => _data.AsMemory(0, _length);

    /// <summary>Reads the next event.</summary>
    /// <returns>False at the end of the stream.</returns>
    /// <exception cref="FrameTooLongException">It is longer than it may be.</exception>
    public async ValueTask<bool> ReadAsync(CancellationToken cancellation)
    {
        (Kind, _length, _hasData) = (EventKind.Text, 0, false);
        while (true)
        {
            while (Line() is var (from, to))
            {
                if (Take(_buffer.AsSpan(from..to)))
                    return true;
            }
            MakeRoom();
            var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellation).ConfigureAwait(false);
            if (read == 0)
                return false;
            _end += read;
        }
    }

    private (int From, int To)? Line()
    {
        var at = _buffer.AsSpan(_scanned, _end - _scanned).IndexOf((byte)'\n');
        if (at < 0)
        {
            _scanned = _end;
            return null;
        }
        var line = (_start, _scanned + at);
        _start = _scanned += at + 1;
        return line;
    }

    /// <summary>Takes a line.</summary>
    /// <returns>Whether it ends an event.</returns>
    private bool Take(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty)
        {
            if (!_hasData)
            {
                Kind = EventKind.Text; // of a heartbeat, or of a name alone
                return false;
            }
            if (Kind == EventKind.Binary && Base64.DecodeFromUtf8InPlace(_data.AsSpan(0, _length), out _length) != System.Buffers.OperationStatus.Done)
                throw new FormatException("A binary frame is not base64.");
            return _length <= maxBytes ? true : throw new FrameTooLongException();
        }
        if (line.StartsWith("data: "u8))
            Append(line["data: "u8.Length..]);
        else if (line.StartsWith("event: "u8))
            Kind = KindOf(line["event: "u8.Length..]);
        return false;
    }

    private static EventKind KindOf(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("binary"u8) ? EventKind.Binary
        : name.SequenceEqual("session"u8) ? EventKind.Session
        : name.SequenceEqual("closed"u8) ? EventKind.Closed
        : EventKind.Text;

    private void Append(ReadOnlySpan<byte> text)
    {
        var needed = (long)_length + text.Length + (_hasData ? 1 : 0);
        if (needed > 2L * maxBytes)
            throw new FrameTooLongException();
        if (!_hasData && _data.Length > 4 * BufferBytes)
            _data = []; // one that a large frame has made large is not kept
        if (needed > _data.Length)
            Array.Resize(ref _data, (int)Math.Min(Math.Max(needed, 2L * _data.Length), 2L * maxBytes));
        if (_hasData)
            _data[_length++] = (byte)'\n';
        text.CopyTo(_data.AsSpan(_length));
        _length += text.Length;
        _hasData = true;
    }

    private void MakeRoom()
    {
        var length = _end - _start;
        if (_start > 0 && length < _buffer.Length)
        {
            _buffer.AsSpan(_start, length).CopyTo(_buffer);
            (_start, _scanned, _end) = (0, length, length);
        }
        if (length == 0 && _buffer.Length > 4 * BufferBytes)
            _buffer = new byte[BufferBytes];
        if (_end < _buffer.Length)
            return;
        // A line of base64 is a third longer than its frame.
        if (length >= 2L * maxBytes + BufferBytes)
            throw new FrameTooLongException();
        Array.Resize(ref _buffer, (int)Math.Min(2L * _buffer.Length, 2L * maxBytes + BufferBytes));
    }
}

/// <summary>The server has sent a frame that is longer than it may be.</summary>
internal sealed class FrameTooLongException : Exception;
