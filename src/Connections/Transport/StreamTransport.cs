using System.IO.Pipelines;

namespace Realtime.Connections;

/// <summary>The portable transport: the stream of an upgraded request, which stays open as long as the connection.</summary>
internal sealed class StreamTransport : ITransport
{
    private readonly Stream _stream;
    private readonly Action _abort;

    /// <param name="stream">What the server's upgrade feature gave.</param>
    /// <param name="readBufferSize">Bytes asked for at once; the buffer is held only while there is something to read.</param>
    /// <param name="abort">Cuts the request.</param>
    public StreamTransport(Stream stream, int readBufferSize, Action abort)
    {
        _stream = stream;
        _abort = abort;
        Input = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: readBufferSize, leaveOpen: true, useZeroByteReads: true));
    }

    public PipeReader Input { get; }

    // A stream may keep the buffer until a write has completed, so there is no quick way: the pump does all writing.
    public int TrySend(ReadOnlySpan<byte> bytes) => 0;

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        await _stream.WriteAsync(bytes);
        await _stream.FlushAsync();
    }

    public void CloseOutput()
    {
        // An upgraded request cannot be half closed: its output ends when the request does.
    }

    public void Abort() => _abort();
}
