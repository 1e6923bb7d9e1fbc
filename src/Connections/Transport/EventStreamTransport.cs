using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Realtime.Connections.Transport;

/// <summary>
/// A stream of events: the response of a request, for a peer that only listens. Where that is possible, its socket leaves HTTP when the
/// response has begun, as that of a WebSocket does, and the chunks of its body are written here.
/// </summary>
internal sealed class EventStreamTransport : StreamTransport, ITransport, IPolledHeir
{
    // What a peer sends behind its request is passed over, but not for ever.
    private const int MostPassedOver = 64 * 1024;

    private readonly ConnectionEndpoint _endpoint;
    private readonly Action _endInput;
    private readonly bool _isChunked; // HTTP/1.0 knows no chunks: its response ends with the connection
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Request? _request; // until it is left
    private volatile bool _leaves;
    private volatile bool _isRefused;
    private volatile bool _isAborted;
    private TaskCompletionSource<PolledTransport?>? _taken; // of a stream that leaves; null in it when it was lost
    private volatile PolledTransport? _left;
    private long? _acknowledged; // when it was last asked

    /// <param name="endpoint">The connection's.</param>
    /// <param name="context">The request.</param>
    /// <param name="polled">What it leaves; null when it cannot.</param>
    /// <param name="input">What comes from the peer.</param>
    /// <param name="begin">Begins the response.</param>
    /// <param name="acknowledged">Asks the socket, as long as the request is there.</param>
    public EventStreamTransport(
        ConnectionEndpoint endpoint, HttpContext context, PolledConnection? polled, (PipeReader Reader, Action End) input, BeginEvents begin, Func<long?> acknowledged)
        : base(input.Reader)
    {
        _endpoint = endpoint;
        _endInput = input.End;
        _request = new(context, polled, begin, acknowledged);
        _isChunked = polled is not null && HttpProtocol.IsHttp11(context.Request.Protocol);
    }

    /// <summary>Completes when the response has begun, or will not: then it is known whether the stream leaves the request.</summary>
    public Task Begun => _begun.Task;

    public override bool HasLeft => _leaves;

    public override long? Acknowledged => _leaves ? _left?.Acknowledged : _request?.Acknowledged();

    public void EndInput() => _endInput();

    // The same value a second time says that nothing was acknowledged since, though a ping was sent; but that nothing is under way, where only
    // that is known (see Upgrader). Nobody knows over HTTP/2.
    public bool ShowsLife()
    {
        var (before, now) = (_acknowledged, Acknowledged);
        _acknowledged = now;
        return now is null or 0 || now != before;
    }

    // A refused request has its answer, and the connection below it goes on to the next one. One that is left may not be touched any more.
    public override void Abort()
    {
        _isAborted = true;
        EndInput();
        _left?.Abort();
        if (!_leaves && !_isRefused)
            _request?.Context.Abort();
    }

    public override async ValueTask CloseOutputAsync()
    {
        await base.CloseOutputAsync();
        if (!_leaves || await _taken!.Task is not { } left)
            return;
        if (_isChunked && !_isAborted)
            _ = left.TrySend("0\r\n\r\n"u8); // a peer that has no room for it learns from the end
        await left.CloseOutputAsync();
        left.Abort();
    }

    protected override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_request is { Begin: { } begin } request)
        {
            request.Begin = null;
            await BeginAsync(request, begin, bytes);
        }
        else if (!_leaves)
            await FlushAsync(_request!.Context.Response.BodyWriter, default, bytes);
        else
            await SendAsync(_left ?? await _taken!.Task ?? throw new IOException("The peer is gone."), bytes);
    }

    private async ValueTask BeginAsync(Request request, BeginEvents begin, ReadOnlyMemory<byte> first)
    {
        try
        {
            if (await begin(request.Context, first) is not { } start)
            {
                _isRefused = true;
                throw new IOException("The request was refused.");
            }
            var response = request.Context.Response;
            if (request.Polled is not null)
                response.Headers.Connection = "close";
            if (_isChunked)
                response.Headers.TransferEncoding = "chunked"; // so that the server does not make chunks of its own
            await FlushAsync(response.BodyWriter, start, first);
            if (request.Polled is { } polled)
            {
                _taken = new(TaskCreationOptions.RunContinuationsAsynchronously);
                _leaves = true;
                _request = null;
                polled.LeaveTo(this);
            }
        }
        catch (Exception)
        {
            EndInput();
            throw;
        }
        finally
        {
            _begun.TrySetResult();
        }
    }

    private async ValueTask FlushAsync(PipeWriter writer, ReadOnlyMemory<byte> start, ReadOnlyMemory<byte> bytes)
    {
        if (_isChunked)
            writer.Write(Encoding.ASCII.GetBytes($"{start.Length + bytes.Length:x}\r\n"));
        writer.Write(start.Span);
        writer.Write(bytes.Span);
        if (_isChunked)
            writer.Write("\r\n"u8);
        if ((await writer.FlushAsync()).IsCompleted)
            throw new IOException("The peer is gone.");
    }

    private async ValueTask SendAsync(PolledTransport left, ReadOnlyMemory<byte> bytes)
    {
        const int overhead = 12; // eight digits, two line breaks
        var buffer = ArrayPool<byte>.Shared.Rent(bytes.Length + overhead);
        int length = Frame(bytes.Span, buffer);
        int taken = left.TrySend(buffer.AsSpan(0, length));
        if (taken == ITransport.Gone)
            throw new IOException("The peer is gone.");
        if (taken < length)
            await left.SendAsync(buffer.AsMemory(taken, length - taken));
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private int Frame(ReadOnlySpan<byte> bytes, Span<byte> target)
    {
        int length = 0;
        if (_isChunked)
        {
            Utf8Formatter.TryFormat(bytes.Length, target, out length, 'x');
            "\r\n"u8.CopyTo(target[length..]);
            length += 2;
        }
        bytes.CopyTo(target[length..]);
        length += bytes.Length;
        if (!_isChunked)
            return length;
        "\r\n"u8.CopyTo(target[length..]);
        return length + 2;
    }

    // ---- the heir of the request's socket ------------------------------------------------------------------------------

    public Task InTimeAsync(Task sent) => sent.WaitAsync(_endpoint.Options.HandshakeTimeout, _endpoint.Services.Time);

    public void Take(PolledSocket socket, byte[] unconsumed)
    {
        var left = new PolledTransport(socket, [], inline: true);
        socket.GiveTo(left);
        _left = left;
        if (_isAborted)
            left.Abort();
        ThreadPool.UnsafeQueueUserWorkItem(static transport => _ = transport.WatchAsync(), this, preferLocal: true);
        _taken!.TrySetResult(left);
    }

    public void Lose()
    {
        Log.AnswerNotSent(_endpoint.Services.Logger);
        _taken!.TrySetResult(null);
        EndInput();
    }

    // Whatever the peer sends, only its end says something.
    private async Task WatchAsync()
    {
        var input = _left!.Input;
        try
        {
            for (long passed = 0; passed <= MostPassedOver;)
            {
                var read = await input.ReadAsync();
                passed += read.Buffer.Length;
                input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    break;
            }
        }
        catch (Exception)
        {
            // Reset, or cut: it is over either way.
        }
        EndInput();
        input.Complete();
    }

    private sealed class Request(HttpContext context, PolledConnection? polled, BeginEvents begin, Func<long?> acknowledged)
    {
        public HttpContext Context => context;
        public PolledConnection? Polled => polled;
        public BeginEvents? Begin { get; set; } = begin;
        public Func<long?> Acknowledged => acknowledged;
    }
}
