using System.Buffers;

namespace Realtime.Connections.Transport;

/// <summary>
/// What was read from a socket and is not consumed. It reads into a large buffer of the thread's and, when that is to be given back, keeps
/// what is left in a small one of its own; empty, it holds no memory.
/// </summary>
internal struct ReadBuffer
{
    private const int Size = 64 * 1024;

    [ThreadStatic]
    private static byte[]? t_buffer;

    private byte[]? _bytes;
    private int _start, _end;
    private bool _examined; // all that is there

    public ReadBuffer(byte[] unconsumed)
    {
        if (unconsumed.Length == 0)
            return;
        var own = ArrayPool<byte>.Shared.Rent(unconsumed.Length);
        unconsumed.CopyTo(own, 0);
        Replace(own, unconsumed.Length);
    }

    public readonly bool HasUnexamined => _start < _end && !_examined;

    public readonly ReadOnlySequence<byte> Unconsumed => _bytes is null ? default : new(_bytes, _start, _end - _start);

    /// <summary>Reads once, behind what is not consumed; see <see cref="PolledSocket.Receive"/>.</summary>
    /// <param name="socket">Where from.</param>
    /// <param name="isFull">Whether there was room for no more.</param>
    /// <param name="error">When less than 0 is returned.</param>
    public int Receive(PolledSocket socket, out bool isFull, out int error)
    {
        int rest = _end - _start;
        var buffer = Rent(rest);
        _bytes.AsSpan(_start, rest).CopyTo(buffer);
        int received = socket.Receive(buffer.AsSpan(rest), out error);
        isFull = received > 0 && rest + received == buffer.Length;
        if (received > 0)
            Replace(buffer, rest + received);
        else
            Return(buffer);
        return received;
    }

    public void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_bytes is not { } bytes)
            return;
        var all = Unconsumed;
        int rest = (int)all.Slice(consumed).Length;
        _examined = all.Slice(examined).IsEmpty;
        _start = _end - rest;
        if (rest == 0)
            Clear();
        else if (bytes.Length >= Size && rest <= Size / 2)
        {
            var own = ArrayPool<byte>.Shared.Rent(rest);
            bytes.AsSpan(_start, rest).CopyTo(own);
            Replace(own, rest);
        }
    }

    public void Clear() => Replace(null, 0);

    private void Replace(byte[]? bytes, int length)
    {
        if (_bytes is { } last)
            Return(last);
        _bytes = bytes;
        _start = 0;
        _end = length;
        _examined = false;
    }

    // The thread's own buffer, unless somebody up its stack uses it.
    private static byte[] Rent(int used)
    {
        if (used > Size / 2)
            return ArrayPool<byte>.Shared.Rent(2 * used);
        var buffer = t_buffer ?? ArrayPool<byte>.Shared.Rent(Size);
        t_buffer = null;
        return buffer;
    }

    private static void Return(byte[] buffer)
    {
        if (buffer.Length == Size && t_buffer is null)
            t_buffer = buffer;
        else
            ArrayPool<byte>.Shared.Return(buffer);
    }
}
