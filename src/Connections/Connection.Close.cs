using System.Text;

namespace Realtime.Connections;

// Closing (RFC 6455 section 7). Whoever begins, both sides send a close frame; the server then ends the TCP connection. A bound on the
// whole of it is kept by the heartbeat.
public sealed partial class Connection
{
    // How long a peer that broke the protocol may take to read why, before it is cut: what it sends then need not be frames any more.
    private static readonly TimeSpan s_lingerAfterFailure = TimeSpan.FromSeconds(1);

    private volatile Phase _phase;
    private ushort _closeCode;
    private string? _closeReason; // null while open
    private int _closeDeadline;
    private TaskCompletionSource? _ended;

    private enum Phase : byte
    {
        Open,
        InputEnded,  // the peer's close frame came, or it broke a rule; what it sent before is being handled and answered
        Closing,     // our close frame is sent or queued; nothing may follow it
        Ended,
    }

    /// <summary>
    /// Closes with a code and a reason, after what is queued. The first close counts; later ones wait for the same end.
    /// </summary>
    /// <param name="code">1000 to 1003, 1007 to 1014 or 3000 to 4999; see <see cref="CloseCodes"/>.</param>
    /// <param name="reason">At most 123 bytes of UTF-8.</param>
    /// <returns>Completes when the handshake is done, or the connection was cut because it took longer than <see cref="ConnectionOptions.CloseTimeout"/>.</returns>
    /// <exception cref="ArgumentException">The code must not be sent, or the reason is too long.</exception>
    public Task CloseAsync(ushort code = CloseCodes.Normal, string? reason = null)
    {
        reason ??= "";
        if (!CloseCodes.MayBeSent(code))
            throw new ArgumentOutOfRangeException(nameof(code), code, "A close code is 1000 to 1003, 1007 to 1014 or 3000 to 4999.");
        if (Encoding.UTF8.GetByteCount(reason) > ControlFrames.MaxReason)
            throw new ArgumentException($"A close reason is at most {ControlFrames.MaxReason} bytes of UTF-8.", nameof(reason));
        BeginClose(code, reason);
        lock (Gate)
        {
            if (_phase == Phase.Ended)
                return Task.CompletedTask;
            return (_ended ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Cuts the connection without a handshake; the peer sees 1006.</summary>
    public void Abort() => Cut(CloseCodes.Abnormal, "");

    internal void BeginClose(ushort code, string reason)
    {
        lock (Gate)
        {
            if (_phase >= Phase.Closing)
                return;
            StartClosing(code, reason, Options.CloseTimeout);
        }
        SignalClosing();
    }

    /// <summary>The handler threw: 1011, unless it only noticed that the connection is closing.</summary>
    internal void HandlerFailed(Exception exception)
    {
        if (_phase != Phase.Open && exception is ConnectionClosedException or OperationCanceledException)
            return;
        Log.HandlerFailed(Services.Logger, Id, exception);
        BeginClose(CloseCodes.InternalError, "internal error");
    }

    internal ConnectionClosedException ClosedException()
    {
        var (code, reason) = CloseStatus ?? (CloseCodes.Abnormal, "");
        return new(code, reason);
    }

    // What waits goes, so that a peer which does not read holds no memory; the close frame stays, for one that reads slowly.
    private void CloseSlowConsumer()
    {
        lock (Gate)
        {
            if (_phase >= Phase.Closing)
                return;
            _outbox?.DropWaiting();
            StartClosing(CloseCodes.SlowConsumer, "slow consumer; reconnect and resume", Options.CloseTimeout);
        }
        Services.Metrics.SlowConsumer();
        SignalClosing();
    }

    private void Fail(ReceiveException failure)
    {
        lock (Gate)
        {
            if (_phase >= Phase.Closing)
                return;
            StartClosing(failure.Code, failure.Message, s_lingerAfterFailure);
        }
        SignalClosing();
    }

    private void Cut(ushort code, string reason)
    {
        bool first;
        lock (Gate)
        {
            if (_phase == Phase.Ended)
                return; // the server may have given what the transport stands on to somebody else
            first = _phase < Phase.Closing;
            SetStatus(code, reason);
            _phase = Phase.Closing;
            Transport.Abort();
        }
        if (first)
            SignalClosing();
    }

    // Under the lock. From here on nothing but the close frame is sent.
    private void StartClosing(ushort code, string reason, TimeSpan bound)
    {
        SetStatus(code, reason);
        _phase = Phase.Closing;
        _closeDeadline = ScheduleIn(bound);
        EnqueueControl(ControlFrames.Close(_closeCode, _closeReason!), static (outbox, frame) => outbox.SetClose(frame));
    }

    private void SetStatus(ushort code, string reason)
    {
        if (_closeReason is not null)
            return;
        _closeCode = code;
        _closeReason = reason;
    }

    // The peer's close frame or mistake: its code is the connection's, unless ours went first.
    private void EndInput(ushort code, string reason)
    {
        lock (Gate)
        {
            if (_phase != Phase.Open)
                return;
            SetStatus(code, reason);
            _phase = Phase.InputEnded;
            _closeDeadline = ScheduleIn(Options.CloseTimeout);
        }
        SignalClosing();
    }

    // Outside of the lock: whoever waits for the connection learns that it closes. Callbacks of others never run on this thread.
    private void SignalClosing()
    {
        CancellationTokenSource? closed;
        lock (Gate)
        {
            closed = _closed;
            if (_phase >= Phase.Closing)
                _outbox?.WakeSpace();
        }
        if (closed is not null)
            ThreadPool.UnsafeQueueUserWorkItem(static connection => connection.RunClosedCallbacks(), this, preferLocal: false);
        Inbox?.Complete();
        if (_phase >= Phase.Closing)
        {
            Inbox?.GiveUp();
            Volatile.Read(ref _handling)?.ConnectionCloses();
        }
    }

    // They are the application's: what they throw would end the process here.
    private void RunClosedCallbacks()
    {
        try
        {
            _closed!.Cancel();
        }
        catch (Exception e)
        {
            Log.ClosedCallbackFailed(Services.Logger, Id, e);
        }
    }

    private void End()
    {
        TaskCompletionSource? ended;
        lock (Gate)
        {
            SetStatus(CloseCodes.Abnormal, "");
            _phase = Phase.Ended;
            ended = _ended;
        }
        ended?.TrySetResult();
    }
}
