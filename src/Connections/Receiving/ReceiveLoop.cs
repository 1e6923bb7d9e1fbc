using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Realtime.Connections.Receiving;

/// <summary>
/// Reads one connection from its begin to its end and calls the handler. The loop always runs, so that pings are answered and closes and
/// dead peers are noticed. Between messages nothing but <see cref="RunAsync"/>'s few variables is held.
/// </summary>
internal sealed class ReceiveLoop(Connection connection, ConnectionEndpoint endpoint)
{
    // How long a peer with too many control frames is not read.
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    private MessageReader _reader;
    private HandlerWait? _handling; // set while the loop waits for a handler that did not finish at once
    private volatile bool _inHandler;
    private ReadBudget _budget;
    private int _lastReceived; // ticks of the heartbeat
    private volatile bool _isPartial; // a message has come in part
    private int _partialDeadline; // ticks
    private ControlFrameCount _controlFrames;
    private ClosingPace _closing;

    /// <summary>Where messages wait for a function; null for those that go to a handler's OnMessage.</summary>
    public ReceiveQueue? Queue { get; set; }

    private ConnectionServices Services => endpoint.Services;

    private ConnectionLifecycle Lifecycle => connection.Lifecycle;

    private PipeReader Input => connection.Transport.Input;

    /// <summary>When the peer has been silent for too long. While a handler is at work nothing is read, which is not the peer's silence.</summary>
    public int ReadDeadline(int now) => (_inHandler ? now : _lastReceived) + Heartbeat.Ticks(endpoint.Options.ReadTimeout);

    /// <summary>When a message that has come in part has to be whole; null when there is none, or the rest is not being read.</summary>
    public int? PartialDeadline => _isPartial && !_inHandler ? Volatile.Read(ref _partialDeadline) : null;

    /// <summary>The peer lives, though nothing has come from it.</summary>
    public void NoteLife() => _lastReceived = Services.Heartbeat.Now;

    /// <summary>Returns when the connection has ended and the handler knows.</summary>
    public async Task RunAsync()
    {
        Services.Drain.Enter();
        try
        {
            _lastReceived = Services.Heartbeat.Now;
            connection.Begin();
            var connected = Call(connecting: true, default);
            if (!connected.IsCompletedSuccessfully)
                await connected;
            while (true)
            {
                ReadResult read;
                try
                {
                    var reading = Input.ReadAsync();
                    if (!reading.IsCompleted)
                        _budget = default; // others have their time until something comes
                    read = await reading;
                }
                catch (Exception)
                {
                    break; // reset by the peer or cut by us; transports have many words for it
                }
                _lastReceived = Services.Heartbeat.Now;
                var length = read.Buffer.Length;
                var going = ProcessAsync(read);
                if (!(going.IsCompletedSuccessfully ? going.Result : await going))
                    break;
                if (Lifecycle.IsClosing)
                    await _closing.After(length);
                if (_controlFrames.IsOver(_budget.TakeParts(), _lastReceived, endpoint.Options.MaxControlFrames))
                    await PauseAsync();
                if (_budget.IsSpent)
                {
                    await Task.Yield(); // behind whatever else the thread pool has to do
                    _budget = default;
                }
            }
        }
        catch (Exception e)
        {
            connection.HandlerFailed(e); // a mistake of this library, which must not leave a dead connection in the registry
        }
        await EndAsync();
        Services.Drain.Leave();
    }

    /// <summary>The connection is not open any more: what waits can be read, or, when it is closing, need not be.</summary>
    public void StopReceiving(bool isClosing)
    {
        Queue?.Complete();
        if (!isClosing)
            return;
        Queue?.GiveUp();
        Volatile.Read(ref _handling)?.ConnectionCloses();
    }

    /// <summary>Handles what was read, as far as the budget goes; false when nothing more is to be read.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ProcessAsync(ReadResult read)
    {
        var settings = new ReadSettings(endpoint.Options.MaxMessageSize, connection.Output.Compresses, endpoint.Handler.KeepsMessages);
        var rest = read.Buffer;
        var pongs = default(Pongs);
        bool goesOn;
        while (true)
        {
            Received received = default;
            long noSpaceFor;
            try
            {
                if (!_reader.TryRead(ref rest, settings, Queue, ref _budget, out received, out noSpaceFor))
                {
                    connection.Output.SendPongs(ref pongs);
                    if (noSpaceFor == 0 && !_budget.IsSpent)
                        break;
                    goesOn = GoesOn(read, rest);
                    Input.AdvanceTo(rest.Start);
                    if (noSpaceFor > 0)
                        await WaitForSpaceAsync(noSpaceFor);
                    return goesOn;
                }
                if (!_reader.HasPartial)
                    _isPartial = false;
                if (received.Type == MessageType.Close)
                {
                    var (code, reason) = ControlFrames.ReadClose(received.Payload.Span);
                    Lifecycle.EndInput(code, reason);
                }
                else if (received.Compressed && Lifecycle.IsOpen)
                    noSpaceFor = Inflate(ref received, settings);
            }
            catch (ReceiveException failure)
            {
                connection.Output.SendPongs(ref pongs);
                bool last = received.Type == MessageType.Close || ControlFrames.StartsWithClose(rest) || ControlFrames.EndsWithClose(read.Buffer, out _);
                Input.AdvanceTo(read.Buffer.End);
                await FailAsync(failure, last);
                return false;
            }

            if (received.Type == MessageType.Ping)
            {
                pongs.Add(received.Payload.Span);
                continue;
            }
            if (received.Type == MessageType.Pong)
                continue; // that something came is all it says
            connection.Output.SendPongs(ref pongs);
            if (received.Type == MessageType.Close)
            {
                Input.AdvanceTo(rest.Start);
                if (Lifecycle.State == ConnectionState.InputEnded)
                    await InputEndedAsync();
                Lifecycle.AnswerClose();
                return false;
            }

            var handled = noSpaceFor > 0 ? HandleWithSpaceAsync(noSpaceFor, received, settings) : Handle(received);
            if (!handled.IsCompletedSuccessfully)
            {
                // What came after it stays with the transport, whose buffer may be one that others read into.
                goesOn = GoesOn(read, rest);
                Input.AdvanceTo(rest.Start);
                await handled;
                return goesOn;
            }
        }
        bool isPartial = _reader.HasPartial || !rest.IsEmpty;
        Input.AdvanceTo(rest.Start, read.Buffer.End);
        if (isPartial && !_isPartial)
            WatchPartial();
        return !read.IsCompleted;
    }

    // While nothing is read, the peer's silence is ours.
    private async ValueTask PauseAsync()
    {
        Services.Metrics.Throttled();
        _inHandler = true;
        await Task.Delay(s_pause, Services.Time);
        _lastReceived = Services.Heartbeat.Now;
        if (_isPartial)
            WatchPartial();
        _inHandler = false;
    }

    private void WatchPartial()
    {
        Volatile.Write(ref _partialDeadline, connection.ScheduleIn(endpoint.Options.PartialMessageTimeout));
        _isPartial = true;
    }

    // To be asked before the input is advanced, which may give away what the rest is made of.
    private static bool GoesOn(in ReadResult read, in ReadOnlySequence<byte> rest) => !(read.IsCompleted && rest.IsEmpty);

    // Inflates a message, unless the queue has no space for it: then it waits as small as it came. Returns what there must be space for.
    private long Inflate(ref Received received, ReadSettings settings)
    {
        Received inflated;
        try
        {
            inflated = MessageReader.Inflate(received, settings);
        }
        catch (ReceiveException)
        {
            received.Release();
            throw;
        }
        if (Queue is { } queue && !queue.HasSpace(inflated.Length))
        {
            inflated.Release();
            return Math.Max(inflated.Length, 1);
        }
        received.Release();
        received = settings.OwnArrays ? MessageReader.Own(inflated) : inflated;
        _budget.CountBytes(received.Length);
        return 0;
    }

    // While the queue is full nothing is read, as while a handler is at work.
    private async ValueTask WaitForSpaceAsync(long bytes)
    {
        _inHandler = true;
        await Queue!.WaitForSpaceAsync(bytes);
        _lastReceived = Services.Heartbeat.Now;
        if (_isPartial)
            WatchPartial(); // it could not come meanwhile
        _inHandler = false;
    }

    private async ValueTask HandleWithSpaceAsync(long bytes, Received received, ReadSettings settings)
    {
        await WaitForSpaceAsync(bytes);
        Inflate(ref received, settings); // it has been inflated once
        await Handle(received);
    }

    private ValueTask Handle(Received received)
    {
        if (Lifecycle.IsOpen)
        {
            Services.Metrics.Received(received.Length);
            var handled = Call(connecting: false, new Message(received.Type, received.Payload));
            if (!handled.IsCompletedSuccessfully)
                return ReleaseAfterAsync(handled, received);
        }
        received.Release();
        return default;
    }

    private async ValueTask ReleaseAfterAsync(ValueTask handled, Received received)
    {
        await handled;
        if (_handling is null)
            received.Release(); // else the handler was abandoned and may still read it: the collector takes it
    }

    private ValueTask Call(bool connecting, Message message)
    {
        _inHandler = true;
        try
        {
            var handler = endpoint.Handler;
            var task = connecting ? handler.OnConnected(connection) : handler.OnMessage(connection, message);
            if (!task.IsCompletedSuccessfully)
                return WaitForHandlerAsync(task.AsTask());
            task.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            connection.HandlerFailed(e);
        }
        _inHandler = false;
        return default;
    }

    private async ValueTask WaitForHandlerAsync(Task handler)
    {
        var wait = new HandlerWait(handler);
        Interlocked.Exchange(ref _handling, wait); // a full fence: either this sees the close below, or the close sees this
        if (Lifecycle.IsClosing)
            wait.ConnectionCloses();
        await wait.Task;
        if (!handler.IsCompleted)
            return; // abandoned, because the connection closes; EndAsync waits for it
        _lastReceived = Services.Heartbeat.Now;
        _handling = null;
        _inHandler = false;
        try
        {
            await handler;
        }
        catch (Exception e)
        {
            connection.HandlerFailed(e);
        }
    }

    private ValueTask InputEndedAsync()
    {
        try
        {
            var task = endpoint.Handler.OnInputEnded(connection);
            return task.IsCompletedSuccessfully ? default : WaitForHandlerAsync(task.AsTask());
        }
        catch (Exception e)
        {
            connection.HandlerFailed(e);
            return default;
        }
    }

    // What came before is handled and answered as before a close. Then says why, and waits until the peer has answered or gone, or the
    // bound has passed: a TCP connection that ends with unread input may take what was sent last with it. A peer whose close frame is
    // there already, valid or not, sends no answer.
    private async ValueTask FailAsync(ReceiveException failure, bool answered)
    {
        Lifecycle.EndInput(failure.Code, failure.Message);
        if (Lifecycle.State == ConnectionState.InputEnded)
            await InputEndedAsync();
        Lifecycle.Fail(failure);
        await connection.Output.WrittenAsync();
        await connection.Transport.CloseOutputAsync();
        try
        {
            while (!answered)
            {
                var read = await Input.ReadAsync();
                var length = read.Buffer.Length;
                answered = ControlFrames.EndsWithClose(read.Buffer, out var rest) || read.IsCompleted;
                Input.AdvanceTo(rest, read.Buffer.End);
                if (!answered)
                    await _closing.After(length);
            }
        }
        catch (Exception)
        {
            // Reset or cut: it is over either way.
        }
    }

    private async Task EndAsync()
    {
        if (!Lifecycle.IsClosing)
            connection.Abort(); // the peer went without a close frame
        await connection.Output.WrittenAsync();
        await connection.Transport.CloseOutputAsync();
        Input.Complete();
        if (connection.Transport.HasLeft)
            Services.UncountLeft();
        _reader.Release();
        Services.Heartbeat.Remove(connection);
        Services.Registry.Unregister(connection);
        endpoint.Options.Gate?.Left(connection);
        Lifecycle.End();
        var (code, reason) = Lifecycle.Status!.Value;
        Services.Metrics.Closed(code, Services.Time.GetUtcNow() - connection.ConnectedAt);
        Log.Closed(Services.Logger, connection.Id, code, reason);
        if (_handling is { } abandoned)
            _ = EndAfterAsync(abandoned.Handler, code, reason); // a stuck handler does not hold the server's connection
        else
            await CallClosedAsync(code, reason);
    }

    private async Task EndAfterAsync(Task handler, ushort code, string reason)
    {
        try
        {
            await handler;
        }
        catch (Exception e)
        {
            connection.HandlerFailed(e);
        }
        await CallClosedAsync(code, reason);
    }

    private async ValueTask CallClosedAsync(ushort code, string reason)
    {
        try
        {
            await endpoint.Handler.OnClosed(connection, code, reason);
        }
        catch (Exception e)
        {
            Log.OnClosedFailed(Services.Logger, connection.Id, e);
        }
    }
}
