using System.Buffers;

namespace Realtime.Connections.Listening;

/// <summary>Blocks of what is to be sent: filled at one end, sent from the other. The caller sees to it that one thread at a time is here.</summary>
internal sealed class BlockChain(MemoryPool<byte> pool)
{
    private Block? _first, _last;
    private int _start; // of what is not sent, in the first block

    /// <summary>How many bytes the last block has room for.</summary>
    public int Room => _last?.Free.Length ?? 0;

    /// <summary>Room for bytes after those that were filled.</summary>
    public Memory<byte> GetMemory(int least)
    {
        if (Room < Math.Max(least, 1))
        {
            _last = Block.Rent(pool, _last, least);
            if (_first is null)
            {
                _first = _last;
                _start = 0;
            }
        }
        return _last!.Free;
    }

    public void Fill(int bytes) => _last!.Fill(bytes);

    /// <summary>Pins the next bytes, as many as fit.</summary>
    /// <returns>How many pieces there are.</returns>
    public unsafe int Pin(long bytes, Span<Linux.Piece> pieces, MemoryHandle[] pinned)
    {
        int count = 0;
        int start = _start;
        for (var block = _first; bytes > 0 && count < pieces.Length; block = block.NextBlock, start = 0)
        {
            int length = (int)Math.Min(block!.Length - start, bytes);
            if (length == 0)
                continue;
            var handle = block.All.Slice(start, length).Pin();
            pieces[count] = new() { First = (byte*)handle.Pointer, Length = length };
            pinned[count++] = handle;
            bytes -= length;
        }
        return count;
    }

    /// <summary>These bytes are sent. The last block stays, whose memory may be given out.</summary>
    public void Sent(int bytes)
    {
        _start += bytes;
        while (_first is { } first && _start >= first.Length && first != _last)
        {
            _start -= first.Length;
            _first = first.NextBlock;
            first.Return();
        }
    }

    /// <summary>Gives everything back, sent or not, but the last block if that is still needed.</summary>
    public void Clear(bool keepLast)
    {
        while (_first is { } first && (first != _last || !keepLast))
        {
            _first = first.NextBlock;
            first.Return();
        }
        if (_first is null)
            _last = null;
        _start = _first?.Length ?? 0;
    }
}
