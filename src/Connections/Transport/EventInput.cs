using System.Buffers;
using System.IO.Pipelines;

namespace Realtime.Connections.Transport;

/// <summary>What comes from a peer that only listens: one message, then nothing until it ends.</summary>
internal sealed class EventInput : PipeReader
{
    private readonly TaskCompletionSource<ReadResult> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ReadOnlySequence<byte> _rest;

    public EventInput(ReadOnlySpan<byte> message)
    {
        var bytes = new ArrayBufferWriter<byte>(FrameHeader.MaxClientSize + message.Length);
        WriteFrame(bytes, message);
        _rest = new(bytes.WrittenMemory);
    }

    /// <summary>Writes a text message in a frame as a client sends it, with a mask that changes nothing.</summary>
    public static void WriteFrame(IBufferWriter<byte> output, ReadOnlySpan<byte> message)
    {
        var head = output.GetSpan(FrameHeader.MaxClientSize);
        int size = FrameHeader.Write(head, FrameHeader.Fin | (byte)MessageType.Text, message.Length);
        head[1] |= FrameHeader.Masked;
        head.Slice(size, sizeof(uint)).Clear();
        output.Advance(size + sizeof(uint));
        output.Write(message);
    }

    /// <summary>Nothing more comes. Never throws, any number of times.</summary>
    public void End() => _ended.TrySetResult(new(default, isCanceled: false, isCompleted: true));

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        _rest.IsEmpty ? new(_ended.Task) : new(new ReadResult(_rest, isCanceled: false, isCompleted: false));

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (!_rest.IsEmpty)
            _rest = _rest.Slice(consumed);
        if (_rest.IsEmpty)
            _rest = default; // an idle stream does not keep the message
    }

    public override void Complete(Exception? exception = null) => End();

    public override bool TryRead(out ReadResult result) => throw new NotSupportedException("Only ReadAsync reads.");

    public override void CancelPendingRead() => throw new NotSupportedException("A read ends with the connection.");
}
