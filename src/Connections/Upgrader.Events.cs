using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Realtime.Connections;

/// <summary>Begins the answer to a request for a stream of events, when there is something to be sent.</summary>
/// <param name="context">The request. The status and headers of its response can be set.</param>
/// <param name="first">The first event, complete.</param>
/// <returns>What is written before the first event; null when the request was refused and has its answer: then the connection ends.</returns>
public delegate ValueTask<ReadOnlyMemory<byte>?> BeginEvents(HttpContext context, ReadOnlyMemory<byte> first);

/// <summary>Streams of server-sent events, for peers that only listen, or send by other requests.</summary>
public sealed partial class Upgrader
{
    /// <summary>
    /// Makes a connection of a request whose response is a stream of events (<see cref="ConnectionOptions.Events"/>), or refuses it. All that
    /// holds for WebSockets holds for it, but that nothing comes from the peer on this way: what its system acknowledges stands for the pongs.
    /// </summary>
    /// <param name="context">The request; its method and what it accepts are the caller's business.</param>
    /// <param name="message">What the handler is to receive of the peer, once; a text message.</param>
    /// <param name="posts">Where what the peer sends by other requests comes from; null when it sends nothing more. One for each connection.</param>
    /// <param name="begin">Called once, before the first event is written; not at all when the peer goes before.</param>
    /// <returns>
    /// Completes when the response has begun, or is refused. The task in it completes when the request may end: who awaits that last, and outermost,
    /// keeps nothing of its own for a stream that may be idle for days.
    /// </returns>
    public async Task<Task> StreamAsync(HttpContext context, ReadOnlyMemory<byte> message, BeginEvents begin, PostedInput? posts = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(begin);
        var options = _endpoint.Options;
        if (options.Events is null)
            throw new InvalidOperationException($"This upgrader has no {nameof(ConnectionOptions.Events)}.");
        if (_endpoint.Services.Drain.HasBegun)
            return await RefusedAsync(context, ShutsDown(context));
        if (!Origin.IsAllowed(context, options))
            return await RefusedAsync(context, new(StatusCodes.Status403Forbidden, "This origin is not allowed."));
        var peer = PeerOf(context, options, subprotocol: null, ConnectionOutput.AsEvents);
        if (options.Gate is { } gate && await gate.EnterAsync(context, peer.UserId) is { } full)
            return await RefusedAsync(context, full);

        EventStreamTransport transport;
        Connection connection;
        var polled = MayLeave(context) && _endpoint.Services.TryCountLeft() ? (PolledConnection)context.Features.Get<IConnectionTransportFeature>()!.Transport : null;
        try
        {
            context.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout(); // it is not meant for what may last for days
            context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
                rate.MinDataRate = null; // slow peers are this library's business
            var acknowledged = Acknowledged(context, HttpProtocol.IsHttp2(context.Request.Protocol) || HttpProtocol.IsHttp3(context.Request.Protocol));
            transport = new EventStreamTransport(_endpoint, context, polled, InputOf(message.Span, posts), begin, acknowledged);
            connection = new Connection(_endpoint, transport, peer);
        }
        catch (Exception)
        {
            if (polled is not null)
                _endpoint.Services.UncountLeft();
            Fail(peer);
            throw;
        }
        var aborted = context.RequestAborted.UnsafeRegister(static transport => ((EventStreamTransport)transport!).EndInput(), transport);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // Away from the request's context, which would be kept as long as the connection.
        ThreadPool.UnsafeQueueUserWorkItem(
            static run => _ = RunAsync(run.connection, run.ended, run.aborted), (connection, ended, aborted: polled is null ? aborted : default), preferLocal: true);
        await Task.WhenAny(transport.Begun, ended.Task);
        if (polled is null)
        {
            if (context.Features.Get<IQueryFeature>() is QueryFeature)
                context.Features.Set<IQueryFeature>(null); // made anew for who asks; and the request stays
            return ended.Task;
        }
        if (!transport.HasLeft)
        {
            await ended.Task;
            _endpoint.Services.UncountLeft();
        }
        await aborted.DisposeAsync();
        return Task.CompletedTask;
    }

    private async Task<Task> RefusedAsync(HttpContext context, UpgradeRefusal refusal)
    {
        await RefuseAsync(context, refusal);
        return Task.CompletedTask;
    }

    private static (PipeReader Reader, Action End) InputOf(ReadOnlySpan<byte> message, PostedInput? posts)
    {
        if (posts is null)
        {
            var input = new EventInput(message);
            return (input, input.End);
        }
        posts.Begin(message);
        return (posts.Reader, posts.End);
    }

    private static async Task RunAsync(Connection connection, TaskCompletionSource ended, CancellationTokenRegistration aborted)
    {
        try
        {
            await connection.RunAsync();
        }
        finally
        {
            aborted.Unregister(); // one that runs now ends an input that has ended
            ended.SetResult();
        }
    }

    // HTTP ends and the socket stays, where nothing stands between this library and the socket, and no middleware has put something of
    // its own in the place of the server's body, which it would end when the request does.
    private bool MayLeave(HttpContext context) =>
        _endpoint.MayLeave
        && (HttpProtocol.IsHttp11(context.Request.Protocol) || HttpProtocol.IsHttp10(context.Request.Protocol))
        && context.Features.Get<IConnectionTransportFeature>()?.Transport is PolledConnection
        && ReferenceEquals(context.Features.Get<IHttpResponseBodyFeature>(), context.Features.Get<IHttpResponseFeature>());
}
