using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Realtime.Connections.Listening;

/// <summary>
/// What comes from the peer, read when somebody asks for it: what nobody asks for stays with the system, whose window then closes. While
/// nothing is unconsumed no memory is held.
/// </summary>
/// <remarks>
/// One thread at a time reads: the one that calls, or the work item of a read that waits. What others may touch is under the lock. More than
/// ten fields, as the buffer, what is known of the socket and the read that waits change together.
/// </remarks>
internal sealed class PolledReader(PolledConnection connection, PolledSocket socket, MemoryPool<byte> pool)
    : PipeReader, IThreadPoolWorkItem
{
    // How much one connection may read before it lets others have their turn, whether in one go or in reads that are answered at once.
    private const int ReceivesInARow = 16, ReadsInARow = 16, BytesInARow = 256 * 1024;

    private readonly Lock _lock = new();
    private readonly PendingOperation<ReadResult> _read = new();

    private Block? _first, _last;
    private int _start;             // of what is not consumed, in the first block
    private bool _examined = true;  // all of it
    private volatile int _buffered; // bytes
    private int _reads, _bytes;     // in a row

    private volatile bool _mayHaveMore = true; // the socket, since it was last found empty
    private volatile bool _hidesMore;              // a short read does not mean that it is empty
    private volatile bool _ended;              // the peer's last byte was read
    private bool _running;                     // a read waits, and somebody sees to it
    private bool _canceled, _completed;
    private Exception? _failure;

    /// <summary>Whether a read waits, which will notice the end of the stream.</summary>
    public bool Waits
    {
        get
        {
            lock (_lock)
                return _read.IsWaiting;
        }
    }

    /// <summary>Bytes that were read and are not consumed.</summary>
    public int Buffered => _buffered;

    public bool HasEnded => _ended;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<ReadResult>(cancellationToken);
        bool yields;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_completed, this);
            yields = _reads >= ReadsInARow || _bytes >= BytesInARow;
            if (!yields && TryTake(out var result))
                return new(result);
        }
        if (!yields)
        {
            connection.Writer.Send(); // before it waits for an answer
            if (_mayHaveMore)
                Receive();
        }
        var registration = cancellationToken.UnsafeRegister(static reader => ((PolledReader)reader!).Wake(), this); // nothing, for a token that never fires
        ValueTask<ReadResult> read;
        bool run;
        lock (_lock)
        {
            if (!yields && TryTake(out var result))
            {
                registration.Unregister();
                return new(result);
            }
            read = _read.Begin(cancellationToken, registration);
            run = _running = yields || _mayHaveMore || cancellationToken.IsCancellationRequested;
            _reads = _bytes = 0;
        }
        if (run)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return read;
    }

    public override bool TryRead(out ReadResult result)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_completed, this);
            if (TryTake(out result))
                return true;
        }
        if (_mayHaveMore)
            Receive();
        lock (_lock)
            return TryTake(out result);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_last is not { } last || consumed.GetObject() is not Block to)
            return; // the buffer was empty
        _examined = ((Block)examined.GetObject()!).RunningIndex + examined.GetInteger() == last.RunningIndex + last.Length;
        while (_first != to)
            DropFirst();
        _buffered -= consumed.GetInteger() - _start;
        _start = consumed.GetInteger();
        while (_first is { } first && _start == first.Length)
            DropFirst();
    }

    /// <summary>The read that waits, or the next one, ends without anything. On the thread pool: the caller may be the server's heartbeat.</summary>
    public override void CancelPendingRead()
    {
        lock (_lock)
            _canceled = true;
        Wake();
    }

    /// <summary>Gives all memory back; a read that waits finds the end.</summary>
    public override void Complete(Exception? exception = null)
    {
        lock (_lock)
        {
            _completed = true;
            if (!_read.IsWaiting && !connection.Leaves)
                ReturnAll(); // else the work item does it, or whoever takes the connection over
        }
        Wake();
    }

    /// <summary>Reads fail from now on.</summary>
    public void Fail(Exception failure)
    {
        lock (_lock)
            _failure ??= failure;
        Wake();
    }

    /// <summary>Takes what was read and is not consumed. Nobody reads any more.</summary>
    public byte[] TakeBuffered()
    {
        byte[] rest = _first is null ? [] : Unconsumed.ToArray();
        ReturnAll();
        return rest;
    }

    /// <summary>The poller says that something has come, or the end.</summary>
    public void OnEvents(uint events)
    {
        if ((events & ~(Linux.In | Linux.Out)) != 0)
            _hidesMore = true; // urgent data, or the end, of which no event will tell again
        _mayHaveMore = true;
        Wake();
    }

    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            Run();
        }
        catch (Exception e)
        {
            connection.TurnFailed(e);
        }
    }

    private ReadOnlySequence<byte> Unconsumed => _first is null ? default : new(_first, _start, _last!, _last!.Length);

    private void Wake()
    {
        lock (_lock)
        {
            if (!_read.IsWaiting || _running)
                return;
            _running = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    // Reads for the read that waits, and runs what waits for it. Only one thread is here at a time: the one that set _running.
    private void Run()
    {
        ReadResult result = default;
        Exception? failure = null;
        CancellationTokenRegistration registration;
        while (true)
        {
            if (_mayHaveMore && _examined)
                Receive();
            lock (_lock)
            {
                if (_completed)
                {
                    ReturnAll();
                    result = new(default, isCanceled: false, isCompleted: true);
                }
                else if (_read.Token.IsCancellationRequested)
                    failure = new OperationCanceledException(_read.Token);
                else
                {
                    try
                    {
                        if (!TryTake(out result))
                        {
                            if (_mayHaveMore)
                                continue;
                            _running = false;
                            return;
                        }
                    }
                    catch (Exception e)
                    {
                        failure = e;
                    }
                }
                _running = false;
                _reads = _bytes = 0;
                registration = _read.End();
            }
            break;
        }
        registration.Dispose();
        if (failure is null)
            _read.SetResult(result);
        else
            _read.SetException(failure);
    }

    // Under the lock.
    private bool TryTake(out ReadResult result)
    {
        bool canceled = _canceled;
        _canceled = false;
        if (canceled || (!_examined && _failure is not ConnectionAbortedException))
        {
            _reads++;
            result = new(Unconsumed, canceled, isCompleted: false);
            return true;
        }
        if (_failure is not null)
            throw _failure;
        result = new(Unconsumed, isCanceled: false, isCompleted: _ended);
        return _ended;
    }

    private void Receive()
    {
        _mayHaveMore = false; // before it looks: an event that comes now sets it again
        for (int i = 0; i < ReceivesInARow && !_ended; i++)
        {
            if (_last is null || _last.Free.Length == 0)
                Append();
            var room = _last!.Free;
            int received = socket.Receive(room.Span, out int error);
            if (received > 0)
            {
                _last.Fill(received);
                _examined = false;
                _bytes += received;
                _buffered += received;
                if (received == room.Length || _hidesMore)
                    continue;
                return;
            }
            DropLastIfEmpty();
            if (received == 0)
            {
                _ended = true;
                connection.PeerEnded();
            }
            else if (error == Linux.Interrupted)
                continue;
            else if (error != Linux.WouldBlock)
            {
                Fail(new ConnectionResetException($"The peer is gone (error {error})."));
                connection.PeerEnded();
            }
            return;
        }
        _mayHaveMore = !_ended;
    }

    private void Append()
    {
        _last = Block.Rent(pool, _last);
        if (_first is null)
        {
            _first = _last;
            _start = 0;
        }
    }

    private void DropLastIfEmpty()
    {
        if (_last!.Length > 0)
            return;
        if (_first == _last)
            DropFirst();
        // else it stays: it will be filled, or returned with the others
    }

    private void DropFirst()
    {
        var first = _first!;
        _buffered -= first.Length - _start;
        _first = first.NextBlock;
        _start = 0;
        if (_first is null)
            _last = null;
        first.Return();
    }

    private void ReturnAll()
    {
        while (_first is not null)
            DropFirst();
        _examined = true;
    }
}
