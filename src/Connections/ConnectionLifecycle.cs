namespace Realtime.Connections;

/// <summary>
/// The state machine of one connection, and who is told of its steps. Closing follows RFC 6455 section 7: whoever begins, both sides send
/// a close frame, and the server then ends the TCP connection. The heartbeat bounds the whole of it.
/// </summary>
/// <remarks>State, status and send queue change together, under <see cref="ConnectionOutput.OutputLock"/>; the state may be read without.</remarks>
internal sealed class ConnectionLifecycle(Connection connection)
{
    // How long a peer that broke the protocol may take to read why, before it is cut: what it sends then need not be frames any more.
    private static readonly TimeSpan s_lingerAfterFailure = TimeSpan.FromSeconds(1);

    private volatile ConnectionState _state;
    private ushort _code;
    private string? _reason; // null while open
    private int _deadline;
    private CancellationTokenSource? _closed;
    private TaskCompletionSource? _ended;

    public ConnectionState State => _state;

    public bool IsOpen => _state == ConnectionState.Open;

    /// <summary>Whether our close frame went, or never will: nothing can be sent any more.</summary>
    public bool IsClosing => _state >= ConnectionState.Closing;

    /// <summary>When the step after which the connection is not open any more has to be done, in ticks of the heartbeat.</summary>
    public int Deadline => _deadline;

    /// <summary>The peer's code and reason or ours, whichever came first; null while it is open.</summary>
    public (ushort Code, string Reason)? Status
    {
        get
        {
            lock (OutputLock)
                return _reason is null ? null : (_code, _reason);
        }
    }

    /// <summary>Fires when the connection is not open any more. Made at the first use.</summary>
    public CancellationToken Closed
    {
        get
        {
            if (_closed is null)
            {
                lock (OutputLock)
                {
                    if (_closed is null)
                    {
                        var closed = new CancellationTokenSource();
                        if (!IsOpen)
                            closed.Cancel();
                        _closed = closed;
                    }
                }
            }
            return _closed.Token;
        }
    }

    /// <summary>Completes when the connection has ended.</summary>
    public Task Ended
    {
        get
        {
            lock (OutputLock)
            {
                if (_state == ConnectionState.Ended)
                    return Task.CompletedTask;
                return (_ended ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
        }
    }

    /// <summary>Open to InputEnded: the peer's close frame or mistake. Its code is the connection's, unless ours went first.</summary>
    public void EndInput(ushort code, string reason)
    {
        lock (OutputLock)
        {
            if (!IsOpen)
                return;
            SetStatus(code, reason);
            _state = ConnectionState.InputEnded;
            _deadline = connection.ScheduleIn(connection.Options.CloseTimeout);
        }
        Signal();
    }

    /// <summary>To Closing: what is queued goes first, then the close frame. The first close counts.</summary>
    public void BeginClose(ushort code, string reason) => BeginClose(code, reason, connection.Options.CloseTimeout);

    /// <summary>To Closing: the answer to the peer's close frame, unless ours went first.</summary>
    public void AnswerClose() => BeginClose(_code, _reason!);

    /// <summary>To Closing, as the peer broke a rule.</summary>
    public void Fail(ReceiveException failure) => BeginClose(failure.Code, failure.Message, s_lingerAfterFailure);

    /// <summary>
    /// To Closing, as the queue is full. What waits is dropped, so that a peer which does not read holds no memory; the close frame stays,
    /// for one that reads slowly.
    /// </summary>
    public void CloseSlowConsumer()
    {
        lock (OutputLock)
        {
            if (IsClosing)
                return;
            connection.Output.DropWaiting();
            StartClosing(CloseCodes.SlowConsumer, "slow consumer; reconnect and resume", connection.Options.CloseTimeout);
        }
        connection.Services.Metrics.SlowConsumer();
        Signal();
    }

    /// <summary>To Closing without a close frame: both directions end at once.</summary>
    public void Cut(ushort code, string reason)
    {
        bool first;
        lock (OutputLock)
        {
            if (_state == ConnectionState.Ended)
                return;
            first = !IsClosing;
            SetStatus(code, reason);
            _state = ConnectionState.Closing;
            connection.Transport.Abort();
        }
        if (first)
            Signal();
    }

    /// <summary>To Ended.</summary>
    public void End()
    {
        TaskCompletionSource? ended;
        lock (OutputLock)
        {
            SetStatus(CloseCodes.Abnormal, "");
            _state = ConnectionState.Ended;
            ended = _ended;
        }
        ended?.TrySetResult();
    }

    /// <summary>The handling of what came before the peer's close has taken as long as it may, and is given as long again to end.</summary>
    public void ExtendDeadline(int now) => _deadline = now + Heartbeat.Ticks(connection.Options.CloseTimeout);

    private Lock OutputLock => connection.Output.OutputLock;

    private void BeginClose(ushort code, string reason, TimeSpan bound)
    {
        lock (OutputLock)
        {
            if (IsClosing)
                return;
            StartClosing(code, reason, bound);
        }
        Signal();
    }

    // Under the lock. From here on nothing but the close frame is sent.
    private void StartClosing(ushort code, string reason, TimeSpan bound)
    {
        SetStatus(code, reason);
        _state = ConnectionState.Closing;
        _deadline = connection.ScheduleIn(bound);
        connection.Output.SendClose(_code, _reason!);
    }

    private void SetStatus(ushort code, string reason)
    {
        if (_reason is not null)
            return;
        _code = code;
        _reason = reason;
    }

    // Outside of the lock: whoever waits for the connection learns that it closes. Callbacks of others never run on this thread.
    private void Signal()
    {
        CancellationTokenSource? closed;
        lock (OutputLock)
        {
            closed = _closed;
            if (IsClosing)
                connection.Output.SignalSpace();
        }
        if (closed is not null)
            ThreadPool.UnsafeQueueUserWorkItem(static lifecycle => lifecycle.RunClosedCallbacks(), this, preferLocal: false);
        connection.Input.StopReceiving(IsClosing);
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
            Log.ClosedCallbackFailed(connection.Services.Logger, connection.Id, e);
        }
    }
}
