using System.Threading.Channels;

namespace Realtime.Connections;

/// <summary>Received messages that wait for <see cref="Connection.ReceiveAsync"/>.</summary>
internal sealed class Inbox
{
    private readonly Channel<Message> _channel;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private bool _completed;
    private bool _receives; // the function has taken a message
    private bool _waits;    // and now waits for the next, so it is done with those before

    public Inbox(int capacity) => _channel = Channel.CreateBounded<Message>(new BoundedChannelOptions(capacity) { SingleWriter = true });

    /// <summary>Waits while it is full. Once the inbox is complete messages are dropped.</summary>
    public async ValueTask WriteAsync(Message message)
    {
        while (!_channel.Writer.TryWrite(message))
            if (!await _channel.Writer.WaitToWriteAsync())
                return;
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
        }
    }

    /// <summary>
    /// Completes the inbox; the task ends when what waits in it has been read and dealt with: when the receiver asks for more, or has
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
}
