namespace Realtime.WebFront.Calls;

/// <summary>What a method writes as its answer: kept until the end, and bounded while it is written.</summary>
internal sealed class CallBody(int bound) : MemoryStream
{
    public override void Write(byte[] buffer, int offset, int count)
    {
        Reserve(count);
        base.Write(buffer, offset, count);
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        Reserve(buffer.Length);
        base.Write(buffer);
    }

    public override void WriteByte(byte value)
    {
        Reserve(1);
        base.WriteByte(value);
    }

    private void Reserve(int count)
    {
        if (Length + count > bound)
            throw new CallResultException($"its result is longer than {bound} bytes (Rooms:MaxContentBytes)");
    }
}

/// <summary>What a method gives as its result cannot be told.</summary>
internal sealed class CallResultException(string problem) : Exception(problem);
