namespace Orleans.Embedded;

/// <summary>Call objects of one method that wait to be used again.</summary>
internal sealed class SpareCalls
{
    // As many as are under way at a time in a busy process, about 50 KB; what is above is left to the garbage collector.
    private const int MostInStack = 256;

    // Threads that call at once should seldom meet.
    private readonly Stack[] _stacks = new Stack[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(Environment.ProcessorCount, 2, 16))];

    public SpareCalls()
    {
        for (var i = 0; i < _stacks.Length; i++)
            _stacks[i] = new Stack();
    }

    public MethodCall? Rent()
    {
        // One thread may call and another run the calls: then the spares are in the other's stack.
        var own = Environment.CurrentManagedThreadId;
        for (var i = 0; i < _stacks.Length; i++)
        {
            if (_stacks[(own + i) & (_stacks.Length - 1)].Pop() is { } call)
                return call;
        }

        return null;
    }

    public void Return(MethodCall call) => _stacks[Environment.CurrentManagedThreadId & (_stacks.Length - 1)].Push(call);

    /// <summary>Linked through <see cref="Call.Next"/>.</summary>
    private sealed class Stack
    {
        private Call? _top;
        private int _count;

        public MethodCall? Pop()
        {
            if (Volatile.Read(ref _top) is null)
                return null;
            lock (this)
            {
                if (_top is not { } call)
                    return null;
                _top = call.Next;
                call.Next = null;
                _count--;
                return (MethodCall)call;
            }
        }

        public void Push(MethodCall call)
        {
            if (Volatile.Read(ref _count) >= MostInStack)
                return;
            lock (this)
            {
                call.Next = _top;
                _top = call;
                _count++;
            }
        }
    }
}
