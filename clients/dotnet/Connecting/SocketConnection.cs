using System.Net.WebSockets;
using System.Threading.Channels;
using Realtime.Client.State;

namespace Realtime.Client.Connecting;

/// <summary>One open WebSocket, or what takes its place: a loop that receives, one that sends, and its end.</summary>
internal sealed class SocketConnection(WebSocket socket, Session session)
{
    private const int BufferBytes = 16 * 1024;

    /// <summary>How long an orderly end may take.</summary>
    private static readonly TimeSpan s_closeTimeout = TimeSpan.FromSeconds(1);

    // It is bounded by those who send: the outbox, questions, and calls that run.
    private readonly Channel<(ReadOnlyMemory<byte> Frame, TaskCompletionSource? Sent)> _outgoing =
        Channel.CreateUnbounded<(ReadOnlyMemory<byte>, TaskCompletionSource?)>(new() { SingleReader = true });

    private readonly TaskCompletionSource<Loss> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ended = new();
    private readonly CancellationTokenSource _abort = new();
    private Task _receiving = Task.CompletedTask;
    private Task _sending = Task.CompletedTask;
    private long _heard;
    private bool _hasHeard;

    /// <summary>Its end, as soon as it is known.</summary>
    public Task<Loss> Lost => _lost.Task;

    /// <summary>Cancelled at its end.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>When the last bytes came, by the steady clock.</summary>
    public long Heard => Volatile.Read(ref _heard);

    /// <summary>Whether anything came.</summary>
    public bool HasHeard => Volatile.Read(ref _hasHeard);

    public RealtimeTransport Transport => socket is EventSocket ? RealtimeTransport.ServerSentEvents : RealtimeTransport.WebSocket;

    /// <summary>The server has taken a new token, which what is sent by requests brings from now on.</summary>
    public void Renewed(string token)
    {
        if (socket is EventSocket events)
            events.Token = token;
    }

    public void Start()
    {
        _heard = session.Time.GetTimestamp();
        _sending = Task.Run(SendAll);
        _receiving = Task.Run(ReceiveAll);
    }

    public void Send(ReadOnlyMemory<byte> frame) => _outgoing.Writer.TryWrite((frame, null));

    /// <summary>The same, and waits until it is sent or will not be.</summary>
    public Task SendAsync(ReadOnlyMemory<byte> frame)
    {
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _outgoing.Writer.TryWrite((frame, sent)) ? sent.Task : Task.CompletedTask;
    }

    /// <summary>Ends it. Any thread, any number of times: the first counts.</summary>
    public void End(Loss loss)
    {
        if (_lost.TrySetResult(loss))
            _ = _ended.CancelAsync();
    }

    /// <summary>Closes the socket.</summary>
    /// <param name="waits">Whether the server's goodbye is waited for.</param>
    public async Task CloseAsync(bool waits)
    {
        End(new(Loss.Cut, ""));
        _outgoing.Writer.TryComplete();
        try
        {
            using var bound = new CancellationTokenSource(s_closeTimeout);
            await _sending.WaitAsync(bound.Token).ConfigureAwait(false);
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", bound.Token).ConfigureAwait(false);
            if (waits)
                await _receiving.WaitAsync(bound.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or WebSocketException or ObjectDisposedException or InvalidOperationException)
        {
            // It is at its end anyway.
        }
        await _abort.CancelAsync().ConfigureAwait(false);
        socket.Dispose();
        await Task.WhenAll(_receiving, _sending).ConfigureAwait(false);
        _abort.Dispose();
    }

    private async Task SendAll()
    {
        await foreach (var (frame, sent) in _outgoing.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                if (!_lost.Task.IsCompleted)
                    await socket.SendAsync(frame, WebSocketMessageType.Text, endOfMessage: true, _abort.Token).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                End(new(Loss.Cut, exception.Message));
            }
            sent?.TrySetResult();
        }
    }

    private async Task ReceiveAll()
    {
        try
        {
            var buffer = new byte[BufferBytes];
            var length = 0;
            while (true)
            {
                if (length == buffer.Length)
                {
                    if (length >= session.Options.MaxReceiveBytes)
                        throw new FrameTooLongException();
                    Array.Resize(ref buffer, Math.Min(buffer.Length * 2, Math.Max(session.Options.MaxReceiveBytes, BufferBytes)));
                }
                var part = await socket.ReceiveAsync(buffer.AsMemory(length), _abort.Token).ConfigureAwait(false);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    End(Loss.Closed((int?)socket.CloseStatus ?? 1005, socket.CloseStatusDescription, session.CanRenew));
                    return;
                }
                Volatile.Write(ref _heard, session.Time.GetTimestamp());
                Volatile.Write(ref _hasHeard, true);
                length += part.Count;
                if (!part.EndOfMessage)
                    continue;
                session.Received(this, part.MessageType == WebSocketMessageType.Text, buffer.AsSpan(0, length));
                length = 0;
                if (buffer.Length > 4 * BufferBytes)
                    buffer = new byte[BufferBytes];
            }
        }
        catch (FrameTooLongException)
        {
            End(new(Loss.TooBig, $"The server sent a frame of more than {session.Options.MaxReceiveBytes} bytes (the option {nameof(RealtimeClientOptions.MaxReceiveBytes)}).") { WasReceived = true });
        }
        catch (Exception exception)
        {
            // The network, or a fault of ours: it costs this connection and no more.
            if (exception is not (WebSocketException or OperationCanceledException or ObjectDisposedException))
                Log.Failed(session.Logger, exception);
            End(new(Loss.Cut, exception.Message));
        }
    }
}
