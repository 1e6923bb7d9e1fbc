using System.Buffers;

namespace Realtime.Connections.Listening;

/// <summary>A piece of pooled memory that is filled from its start: a link of what was read or is to be sent.</summary>
internal sealed class Block : ReadOnlySequenceSegment<byte>
{
    private readonly IMemoryOwner<byte>? _owner;

    private Block(IMemoryOwner<byte>? owner, Memory<byte> all)
    {
        _owner = owner;
        All = all;
    }

    public Memory<byte> All { get; }

    /// <summary>How many bytes are filled.</summary>
    public int Length => Memory.Length;

    public Memory<byte> Free => All[Length..];

    public Block? NextBlock => (Block?)Next;

    /// <summary>Takes memory from the pool, or makes some when that has none so large.</summary>
    /// <param name="pool">The connection's pool.</param>
    /// <param name="last">What it follows, or null.</param>
    /// <param name="least">Bytes that are needed; 0 for the pool's usual size.</param>
    public static Block Rent(MemoryPool<byte> pool, Block? last, int least = 0)
    {
        Block block;
        if (least <= pool.MaxBufferSize)
        {
            var owner = pool.Rent(Math.Max(least, Math.Min(UsualSize, pool.MaxBufferSize)));
            block = new(owner, owner.Memory);
        }
        else
            block = new(null, new byte[least]);
        if (last is not null)
        {
            block.RunningIndex = last.RunningIndex + last.Length;
            last.Next = block;
        }
        return block;
    }

    public void Fill(int bytes) => Memory = All[..(Length + bytes)];

    /// <summary>Gives the memory back. Whoever still has some of it must not use it any more.</summary>
    public void Return() => _owner?.Dispose();

    // What Kestrel's pool has: blocks of one size.
    private const int UsualSize = 4096;
}
