namespace Realtime.Bench.Load;

internal enum LoadState : byte
{
    Connecting,
    Upgrading,
    Greeting,
    Joining,
    Ready,
    Leaving,
    Closing,
    Closed,
}

/// <summary>One client: its socket, where it is in its life, and what has come or must go and is not whole yet.</summary>
/// <param name="room">The first of its rooms.</param>
internal sealed class LoadConnection(int index, int room, int rooms, int front)
{
    public readonly int Index = index;
    public readonly int Room = room;

    /// <summary>Which of the servers it is connected to.</summary>
    public readonly int Front = front;

    public int Socket = -1;
    public LoadState State = LoadState.Closed;
    public bool IsSlow;

    /// <summary>When it began to connect; see <see cref="Clock"/>.</summary>
    public long StartedAt;

    /// <summary>How many of its rooms it has joined.</summary>
    public int JoinedRooms;

    /// <summary>For each of its rooms the number of the next message, when nothing is lost and nothing comes twice.</summary>
    public readonly int[] NextNumbers = [.. Enumerable.Range(room, rooms)];

    private byte[] _received = [];
    private int _receivedLength;
    private byte[] _unsent = [];
    private int _unsentLength;

    public bool HasUnsent => _unsentLength > 0;

    /// <summary>Sends, and keeps what the socket does not take; 0 or an error number.</summary>
    public int Send(ReadOnlySpan<byte> data)
    {
        if (!HasUnsent && State != LoadState.Connecting)
        {
            var sent = Native.Send(Socket, data);
            if (sent < 0 && sent != -Native.Again)
                return -sent;
            data = data[Math.Max(0, sent)..];
        }
        Append(ref _unsent, ref _unsentLength, data);
        return 0;
    }

    /// <summary>Sends what is kept; 0 or an error number.</summary>
    public int Flush()
    {
        var sent = Native.Send(Socket, _unsent.AsSpan(0, _unsentLength));
        if (sent < 0)
            return sent == -Native.Again ? 0 : -sent;
        _unsentLength -= sent;
        _unsent.AsSpan(sent, _unsentLength).CopyTo(_unsent);
        if (_unsentLength == 0)
            _unsent = [];
        return 0;
    }

    /// <summary>Puts what was kept at the beginning of the buffer; returns its length.</summary>
    public int TakeReceived(Span<byte> buffer)
    {
        var length = _receivedLength;
        _received.AsSpan(0, length).CopyTo(buffer);
        _receivedLength = 0;
        return length;
    }

    public void KeepReceived(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
            _received = []; // thousands of them
        else
            Append(ref _received, ref _receivedLength, data);
    }

    public void Close()
    {
        if (Socket >= 0)
            Native.Close(Socket);
        (Socket, State) = (-1, LoadState.Closed);
        (_receivedLength, _unsentLength) = (0, 0);
    }

    private static void Append(ref byte[] buffer, ref int length, ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
            return;
        if (length + data.Length > buffer.Length)
            Array.Resize(ref buffer, length + data.Length + 256);
        data.CopyTo(buffer.AsSpan(length));
        length += data.Length;
    }
}
