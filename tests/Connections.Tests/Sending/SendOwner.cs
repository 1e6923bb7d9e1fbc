using System.Text;
using System.Threading.Channels;
using Realtime.Connections.Tests.Support;

namespace Realtime.Connections.Tests.Sending;

/// <summary>The smallest owner that a send queue can have: each write waits until the test lets it end.</summary>
internal sealed class SendOwner(ConnectionOptions options) : ISendOwner
{
    private readonly Channel<(byte[] Bytes, TaskCompletionSource Done)> _writes = Channel.CreateUnbounded<(byte[], TaskCompletionSource)>();

    public ConnectionOptions Options => options;

    public Lock OutputLock { get; } = new();

    /// <summary>What the peer has acknowledged, as the test says.</summary>
    public long? Acknowledged { get; set; }

    public int Deadlines { get; private set; }

    public bool HasFailed { get; private set; }

    public SendPump? DrainedPump { get; private set; }

    /// <summary>The next write of the pump, which goes on when the source is completed.</summary>
    public ValueTask<(byte[] Bytes, TaskCompletionSource Done)> NextWriteAsync() =>
        _writes.Reader.ReadAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);

    public byte[] BytesOf(Frame frame) => frame.Bytes;

    public int NewWriteDeadline() => ++Deadlines;

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _writes.Writer.TryWrite((bytes.ToArray(), done));
        await done.Task;
    }

    public void WriteFailed() => HasFailed = true;

    public void Drained(SendPump pump) => DrainedPump = pump;

    /// <summary>Writes one after the other all that a queue has, in words: a text's first word, <c>ping</c>, <c>pong</c>, <c>close</c>.</summary>
    public static List<string> WriteAll(SendQueue queue)
    {
        byte[]? buffer = null;
        var written = new List<byte>();
        while (queue.TryTakeWrite(ref buffer, out var next, out int control))
        {
            written.AddRange(next.ToArray());
            queue.Written(next.Length - control);
        }
        return Words([.. written]);
    }

    public static List<string> Words(ReadOnlySpan<byte> frames)
    {
        var words = new List<string>();
        while (!frames.IsEmpty)
        {
            var (head, payload) = FrameHeader.ReadOwn(frames);
            var type = (MessageType)(frames[0] & FrameHeader.OpcodeMask);
            words.Add(type switch
            {
                MessageType.Text or MessageType.Binary => NumberedTopic.Read(type == MessageType.Text, frames.Slice(head, payload).ToArray()),
                MessageType.Pong => $"pong {Encoding.UTF8.GetString(frames.Slice(head, payload))}",
                _ => type.ToString().ToLowerInvariant(),
            });
            frames = frames[(head + payload)..];
        }
        return words;
    }
}
