using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Realtime.Connections.Transport;

/// <summary>
/// The response of a request, for a peer that only listens. What the connection reads is the one message that was given with the request,
/// then nothing until the request or the connection ends.
/// </summary>
internal sealed class EventStreamTransport : StreamTransport, ITransport
{
    private readonly HttpContext _context;
    private readonly Pipe _input;
    private BeginEvents? _begin; // until the response has begun
    private long? _acknowledged; // when it was last asked
    private int _inputEnded;
    private volatile bool _isRefused;

    public EventStreamTransport(HttpContext context, ReadOnlySpan<byte> message, BeginEvents begin, Func<long?> acknowledged)
        : this(context, message, begin, acknowledged, new Pipe(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false)))
    {
    }

    private EventStreamTransport(HttpContext context, ReadOnlySpan<byte> message, BeginEvents begin, Func<long?> acknowledged, Pipe input)
        : base(input.Reader, context.Abort, acknowledged)
    {
        _context = context;
        _begin = begin;
        _input = input;
        WriteAsClient(input.Writer, message);
        _ = input.Writer.FlushAsync(); // completed: there is no threshold at which it would wait
    }

    public void EndInput()
    {
        if (Interlocked.Exchange(ref _inputEnded, 1) == 0)
            _input.Writer.Complete();
    }

    // Of the same value a second time nothing has been acknowledged since, though a ping was sent; unless all of it was (0 and less
    // counts what is under way, see Upgrader). Nobody knows over HTTP/2.
    public bool ShowsLife()
    {
        var (before, now) = (_acknowledged, Acknowledged);
        _acknowledged = now;
        return now is null or 0 || now != before;
    }

    // A refused request has its answer, and the connection below it goes on to the next one.
    public override void Abort()
    {
        EndInput();
        if (!_isRefused)
            base.Abort();
    }

    protected override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_begin is { } begin)
        {
            _begin = null;
            if (!await BeginAsync(begin, bytes))
                throw new IOException("The request was refused.");
        }
        var flushed = await _context.Response.BodyWriter.WriteAsync(bytes);
        if (flushed.IsCompleted)
            throw new IOException("The peer is gone.");
    }

    private async ValueTask<bool> BeginAsync(BeginEvents begin, ReadOnlyMemory<byte> first)
    {
        try
        {
            if (await begin(_context, first))
                return true;
            _isRefused = true;
        }
        finally
        {
            if (_isRefused)
                EndInput();
        }
        return false;
    }

    // As a client does, with a mask that changes nothing.
    private static void WriteAsClient(PipeWriter writer, ReadOnlySpan<byte> message)
    {
        var bytes = writer.GetSpan(FrameHeader.MaxClientSize + message.Length);
        int head = FrameHeader.Write(bytes, FrameHeader.Fin | (byte)MessageType.Text, message.Length);
        bytes[1] |= FrameHeader.Masked;
        bytes.Slice(head, sizeof(uint)).Clear();
        message.CopyTo(bytes[(head + sizeof(uint))..]);
        writer.Advance(head + sizeof(uint) + message.Length);
    }
}
