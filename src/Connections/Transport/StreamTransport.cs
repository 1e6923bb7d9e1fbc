using System.Buffers;
using System.IO.Pipelines;

namespace Realtime.Connections.Transport;

/// <summary>The portable transport: the stream of an upgraded request, which stays open as long as the connection.</summary>
internal class StreamTransport : ITransport
{
    private const int MostAtOnce = 64 * 1024; // what Kestrel's output buffer holds by default

    private readonly Stream? _stream;
    private readonly Action? _abort;
    private readonly Func<long?>? _acknowledged;
    private Task _writing = Task.CompletedTask; // what was taken by TrySend and did not complete at once

    /// <param name="stream">What the server's upgrade feature gave.</param>
    /// <param name="readBufferSize">Bytes asked for at once; the buffer is held only while there is something to read.</param>
    /// <param name="abort">Cuts the request.</param>
    /// <param name="acknowledged">Asks the socket below for <see cref="ITransport.Acknowledged"/>.</param>
    public StreamTransport(Stream stream, int readBufferSize, Action abort, Func<long?> acknowledged)
        : this(PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: readBufferSize, leaveOpen: true, useZeroByteReads: true)))
    {
        _stream = stream;
        _abort = abort;
        _acknowledged = acknowledged;
    }

    /// <summary>For one that has all else by itself.</summary>
    protected StreamTransport(PipeReader input) => Input = input;

    public virtual bool HasLeft => false;

    public PipeReader Input { get; }

    public virtual long? Acknowledged => _acknowledged!();

    // The server's streams complete a write at once as long as their own buffer has room. One that does not is left to itself, and
    // nothing more is taken until it is done; whatever comes next then waits in the send queue, where the write timeout watches it.
    public int TrySend(ReadOnlySpan<byte> bytes)
    {
        bytes = bytes[..Math.Min(bytes.Length, MostAtOnce)];
        if (!_writing.IsCompleted)
            return 0;
        if (!_writing.IsCompletedSuccessfully)
            return ITransport.Gone;
        var buffer = ArrayPool<byte>.Shared.Rent(bytes.Length); // a stream may keep it until the write is done
        bytes.CopyTo(buffer);
        var writing = WriteAndReturnAsync(buffer, bytes.Length);
        if (!writing.IsCompleted)
            _writing = writing.AsTask();
        else if (!writing.IsCompletedSuccessfully)
            return ITransport.Gone;
        return bytes.Length;
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        await _writing;
        await WriteAsync(bytes);
    }

    // An upgraded request cannot be half closed: its output ends when the request does, which must not be before the last write is done.
    public virtual async ValueTask CloseOutputAsync() => await _writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public virtual void Abort() => _abort!();

    /// <summary>Writes and flushes; throws when the peer is gone.</summary>
    protected virtual async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        await _stream!.WriteAsync(bytes);
        await _stream.FlushAsync();
    }

    private async ValueTask WriteAndReturnAsync(byte[] buffer, int length)
    {
        await WriteAsync(buffer.AsMemory(0, length));
        ArrayPool<byte>.Shared.Return(buffer); // not after a failure: somebody may still read it
    }
}
