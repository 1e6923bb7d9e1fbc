using System.IO.Pipelines;

namespace Realtime.Connections;

/// <summary>What became of a post to a <see cref="PostedInput"/>.</summary>
public enum PostOutcome
{
    /// <summary>The connection receives it.</summary>
    Taken,

    /// <summary>It was taken before, and is not received twice.</summary>
    Repeated,

    /// <summary>Posts before it are missing.</summary>
    Missing,

    /// <summary>The connection is behind: it may be sent again, under the same number.</summary>
    Full,

    /// <summary>The connection has ended.</summary>
    Ended,
}

/// <summary>
/// What the peer of a stream of events sends, by requests that are numbered from 1 on: in their order, each once, whichever way they come.
/// Can be used from any thread.
/// </summary>
public sealed class PostedInput
{
    // Bytes that wait for the connection; a post is taken as long as fewer do.
    private const int MostWaiting = 64 * 1024;

    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: MostWaiting, resumeWriterThreshold: MostWaiting / 2, useSynchronizationContext: false));
    private readonly Lock _lock = new();
    private Task _flushing = Task.CompletedTask;
    private long _next = 1;
    private bool _hasEnded;

    internal PipeReader Reader => _pipe.Reader;

    /// <summary>Gives text messages to the connection.</summary>
    /// <param name="number">Of the post: one more than that of the one before.</param>
    /// <param name="messages">All of them are taken, or none.</param>
    public PostOutcome Post(long number, IReadOnlyList<byte[]> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        lock (_lock)
        {
            if (_hasEnded)
                return PostOutcome.Ended;
            if (number < _next)
                return PostOutcome.Repeated;
            if (number > _next)
                return PostOutcome.Missing;
            if (!_flushing.IsCompleted)
                return PostOutcome.Full;
            _next++;
            for (int i = 0; i < messages.Count; i++)
                EventInput.WriteFrame(_pipe.Writer, messages[i]);
            _flushing = _pipe.Writer.FlushAsync().AsTask();
            return PostOutcome.Taken;
        }
    }

    /// <summary>The message that comes before all posts.</summary>
    internal void Begin(ReadOnlySpan<byte> message)
    {
        lock (_lock)
        {
            EventInput.WriteFrame(_pipe.Writer, message);
            _flushing = _pipe.Writer.FlushAsync().AsTask();
        }
    }

    internal void End()
    {
        lock (_lock)
        {
            if (_hasEnded)
                return;
            _hasEnded = true;
            _pipe.Writer.Complete(); // who waits for it goes on elsewhere
        }
    }
}
