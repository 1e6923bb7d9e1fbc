using System.Threading.Channels;

namespace Realtime.Connections.Receiving;

/// <summary>Received messages that wait for <see cref="Connection.ReceiveAsync"/>: as many as fit, or one of any size.</summary>
internal sealed class ReceiveQueue(int maxMessages, int maxBytes)
{
    private readonly Channel<Message> _channel = Channel.CreateUnbounded<Message>(new() { SingleWriter = true });
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private TaskCompletionSource? _spaceMade;
    private int _messages;
    private int _bytes;
    private bool _completed;
    private bool _receives; // the function has taken a message
    private bool _waits;    // and now waits for the next, so it is done with those before

    /// <summary>Whether a message of so many bytes may be written. Only <see cref="Write"/> takes space; what has space keeps it until then.</summary>
    public bool HasSpace(long bytes)
    {
        lock (_lock)
            return HasSpaceLocked(bytes);
    }

    /// <summary>Waits until there is space, or the queue is complete.</summary>
    public async ValueTask WaitForSpaceAsync(long bytes)
    {
        while (true)
        {
            Task made;
            lock (_lock)
            {
                if (HasSpaceLocked(bytes))
                    return;
                made = (_spaceMade ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await made;
        }
    }

    /// <summary>Adds a message for which there is space. Once the queue is complete messages are dropped.</summary>
    public void Write(Message message)
    {
        lock (_lock)
        {
            if (!_channel.Writer.TryWrite(message))
                return;
            _messages++;
            _bytes += message.Data.Length; // over the bound, which is at most a gibibyte, only by a message that is alone
        }
    }

    /// <summary>The next message; null when there will be none.</summary>
    public async ValueTask<Message?> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            lock (_lock)
            {
                if (_channel.Reader.TryRead(out var message))
                {
                    _receives = true;
                    _waits = false;
                    _messages--;
                    _bytes -= message.Data.Length;
                    WakeWriter();
                    return message;
                }
                _waits = true;
                if (_completed)
                    _drained.TrySetResult();
            }
            if (!await _channel.Reader.WaitToReadAsync(cancellationToken))
                return null;
        }
    }

    /// <summary>No more will come; what waits can still be read.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            _completed = true;
            _channel.Writer.TryComplete();
            WakeWriter();
        }
    }

    /// <summary>
    /// Completes the queue; the task ends when what waits in it has been read and dealt with: when the receiver asks for more, or has
    /// never asked for any and nothing waits, or has ended, or after <see cref="GiveUp"/>.
    /// </summary>
    public Task DrainAsync()
    {
        Complete();
        lock (_lock)
            if (_channel.Reader.Count == 0 && (_waits || !_receives))
                _drained.TrySetResult();
        return _drained.Task;
    }

    public void ReceiverEnded() => _drained.TrySetResult();

    public void GiveUp() => _drained.TrySetResult();

    private bool HasSpaceLocked(long bytes) =>
        _completed || _messages == 0 || (_messages < maxMessages && _bytes + bytes <= maxBytes);

    private void WakeWriter()
    {
        _spaceMade?.TrySetResult();
        _spaceMade = null;
    }
}
