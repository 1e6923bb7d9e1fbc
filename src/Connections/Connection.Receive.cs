using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Realtime.Connections;

// Receiving: one loop per connection that always runs, so that pings are answered and closes and dead peers are noticed.
public sealed partial class Connection
{
    private MessageReader _reader;
    private HandlerWait? _handling; // set while the loop waits for a handler that did not finish at once
    private volatile bool _inHandler;
    private Turn _turn;
    private int _lastSeen;          // ticks of the heartbeat
    private int _nextPing;

    /// <summary>The next message; for endpoints whose handler is a function.</summary>
    /// <exception cref="ConnectionClosedException">The connection is closed and everything that came before was received.</exception>
    /// <exception cref="InvalidOperationException">The endpoint has a <see cref="ConnectionHandler"/>, whose OnMessage receives.</exception>
    public async ValueTask<Message> ReceiveAsync(CancellationToken cancellationToken = default) =>
        await OpenInbox().ReadAsync(cancellationToken) ?? throw ClosedException();

    /// <summary>The messages to come; ends when the connection is closed. See <see cref="ReceiveAsync"/>.</summary>
    public async IAsyncEnumerable<Message> ReceiveAllAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var inbox = OpenInbox();
        while (await inbox.ReadAsync(cancellationToken) is { } message)
            yield return message;
    }

    private Inbox OpenInbox() => Inbox ?? throw new InvalidOperationException("This endpoint's messages go to its handler's OnMessage.");

    /// <summary>
    /// The connection's life; returns when it has ended and the handler knows. Between messages nothing but this method's few variables
    /// is held: what a message needs lives in ProcessAsync.
    /// </summary>
    internal async Task RunAsync()
    {
        Services.Drain.Enter();
        try
        {
            Begin();
            var connected = Call(connecting: true, default);
            if (!connected.IsCompletedSuccessfully)
                await connected;
            while (true)
            {
                ReadResult read;
                try
                {
                    var reading = Transport.Input.ReadAsync();
                    if (!reading.IsCompleted)
                        _turn = default; // others have theirs until something comes
                    read = await reading;
                }
                catch (Exception)
                {
                    break; // reset by the peer or cut by us; transports have many words for it
                }
                _lastSeen = Services.Heartbeat.Now;
                var going = ProcessAsync(read);
                if (!(going.IsCompletedSuccessfully ? going.Result : await going))
                    break;
                if (_turn.IsOver)
                {
                    await Task.Yield(); // behind whatever else the thread pool has to do
                    _turn = default;
                }
            }
        }
        catch (Exception e)
        {
            HandlerFailed(e); // a mistake of this library, which must not leave a dead connection in the registry
        }
        await EndAsync();
        Services.Drain.Leave();
    }

    private void Begin()
    {
        int now = Services.Heartbeat.Now;
        _lastSeen = now;
        _nextPing = now + PingTicks - Random.Shared.Next(1 + PingTicks / 4); // those of an accept storm spread
        Services.Metrics.Opened();
        Services.Heartbeat.Add(this, NextVisit(now));
        Services.Registry.Register(this);
        if (Services.Drain.HasBegun)
            Services.Drain.Close(this); // it was accepted before, and the drain may not know it
    }

    /// <summary>Handles what was read, up to the end of the connection's turn; false when nothing more is to be read.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ProcessAsync(ReadResult read)
    {
        var settings = new ReadSettings(Options.MaxMessageSize, _windowBits != 0, _endpoint.Handler.KeepsMessages);
        var rest = read.Buffer;
        var pongs = default(Pongs);
        bool goesOn;
        while (true)
        {
            Received received = default;
            long noRoomFor;
            try
            {
                if (!_reader.TryRead(ref rest, settings, Inbox, ref _turn, out received, out noRoomFor))
                {
                    SendPongs(ref pongs);
                    if (noRoomFor == 0 && !_turn.IsOver)
                        break;
                    goesOn = GoesOn(read, rest);
                    Transport.Input.AdvanceTo(rest.Start);
                    if (noRoomFor > 0)
                        await WaitForRoomAsync(noRoomFor);
                    return goesOn;
                }
                if (received.Type == MessageType.Close)
                {
                    var (code, reason) = ControlFrames.ReadClose(received.Payload.Span);
                    EndInput(code, reason);
                }
                else if (received.Compressed && _phase == Phase.Open)
                    noRoomFor = Inflate(ref received, settings);
            }
            catch (ReceiveException failure)
            {
                SendPongs(ref pongs);
                bool last = received.Type == MessageType.Close || ControlFrames.StartsWithClose(rest) || ControlFrames.EndsWithClose(read.Buffer, out _);
                Transport.Input.AdvanceTo(read.Buffer.End);
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
            SendPongs(ref pongs);
            if (received.Type == MessageType.Close)
            {
                Transport.Input.AdvanceTo(rest.Start);
                if (_phase == Phase.InputEnded)
                    await InputEndedAsync();
                BeginClose(_closeCode, _closeReason!); // the answer, unless ours went first
                return false;
            }

            var handled = noRoomFor > 0 ? HandleWithRoomAsync(noRoomFor, received, settings) : Handle(received);
            if (!handled.IsCompletedSuccessfully)
            {
                // What came after it stays with the transport, whose buffer may be one that others read into.
                goesOn = GoesOn(read, rest);
                Transport.Input.AdvanceTo(rest.Start);
                await handled;
                return goesOn;
            }
        }
        Transport.Input.AdvanceTo(rest.Start, read.Buffer.End);
        return !read.IsCompleted;
    }

    // To be asked before the input is advanced, which may give away what the rest is made of.
    private static bool GoesOn(in ReadResult read, in ReadOnlySequence<byte> rest) => !(read.IsCompleted && rest.IsEmpty);

    // Inflates a message, unless the inbox has no room for it: then it waits as small as it came. Returns what there must be room for.
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
        if (Inbox is { } inbox && !inbox.HasRoom(inflated.Length))
        {
            inflated.Release();
            return Math.Max(inflated.Length, 1);
        }
        received.Release();
        received = settings.OwnArrays ? MessageReader.Own(inflated) : inflated;
        _turn.CountBytes(received.Length);
        return 0;
    }

    // While the inbox is full nothing is read, as while a handler is at work.
    private async ValueTask WaitForRoomAsync(long bytes)
    {
        _inHandler = true;
        await Inbox!.WaitForRoomAsync(bytes);
        _lastSeen = Services.Heartbeat.Now;
        _inHandler = false;
    }

    private async ValueTask HandleWithRoomAsync(long bytes, Received received, ReadSettings settings)
    {
        await WaitForRoomAsync(bytes);
        Inflate(ref received, settings); // it has been inflated once
        await Handle(received);
    }

    private ValueTask Handle(Received received)
    {
        if (_phase == Phase.Open)
        {
            Services.Metrics.Received(received.Length);
            var handled = Call(connecting: false, new Message(received.Type, received.Payload));
            if (!handled.IsCompletedSuccessfully)
                return ReleaseAfterAsync(handled, received);
        }
        Release(received);
        return default;
    }

    private async ValueTask ReleaseAfterAsync(ValueTask handled, Received received)
    {
        await handled;
        Release(received);
    }

    private void Release(Received received)
    {
        if (_handling is null)
            received.Release(); // else an abandoned handler may still read it: the collector takes it
    }

    private ValueTask Call(bool connecting, Message message)
    {
        _inHandler = true;
        try
        {
            var handler = _endpoint.Handler;
            var task = connecting ? handler.OnConnected(this) : handler.OnMessage(this, message);
            if (!task.IsCompletedSuccessfully)
                return WaitForHandlerAsync(task.AsTask());
            task.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            HandlerFailed(e);
        }
        _inHandler = false;
        return default;
    }

    private async ValueTask WaitForHandlerAsync(Task handler)
    {
        var wait = new HandlerWait(handler);
        Interlocked.Exchange(ref _handling, wait); // a full fence: either this sees the close below, or the close sees this
        if (_phase >= Phase.Closing)
            wait.ConnectionCloses();
        await wait.Task;
        if (!handler.IsCompleted)
            return; // abandoned, because the connection closes; EndAsync waits for it
        _lastSeen = Services.Heartbeat.Now;
        _handling = null;
        _inHandler = false;
        try
        {
            await handler;
        }
        catch (Exception e)
        {
            HandlerFailed(e);
        }
    }

    private ValueTask InputEndedAsync()
    {
        try
        {
            var task = _endpoint.Handler.OnInputEnded(this);
            return task.IsCompletedSuccessfully ? default : WaitForHandlerAsync(task.AsTask());
        }
        catch (Exception e)
        {
            HandlerFailed(e);
            return default;
        }
    }

    // What came before is handled and answered as before a close. Then says why, and waits until the peer has answered or gone, or the
    // bound has passed: a TCP connection that ends with unread input may take what was sent last with it. A peer whose close frame is
    // there already, valid or not, sends no answer.
    private async ValueTask FailAsync(ReceiveException failure, bool answered)
    {
        EndInput(failure.Code, failure.Message);
        if (_phase == Phase.InputEnded)
            await InputEndedAsync();
        Fail(failure);
        await WrittenAsync();
        await Transport.CloseOutputAsync();
        try
        {
            while (!answered)
            {
                var read = await Transport.Input.ReadAsync();
                answered = ControlFrames.EndsWithClose(read.Buffer, out var rest) || read.IsCompleted;
                Transport.Input.AdvanceTo(rest, read.Buffer.End);
            }
        }
        catch (Exception)
        {
            // Reset or cut: it is over either way.
        }
    }

    // Everything that waits is written, or the heartbeat has cut the connection.
    private Task WrittenAsync()
    {
        lock (Gate)
            return _outbox?.Empty ?? Task.CompletedTask;
    }

    private async Task EndAsync()
    {
        if (_phase < Phase.Closing)
            Abort(); // the peer went without a close frame
        await WrittenAsync();
        await Transport.CloseOutputAsync();
        Transport.Input.Complete();
        if (Transport.HasLeft)
            Services.UncountLeft();
        _reader.Release();
        Services.Heartbeat.Remove(this);
        Services.Registry.Unregister(this);
        End();
        var (code, reason) = CloseStatus!.Value;
        Services.Metrics.Closed(code);
        Log.Closed(Services.Logger, Id, code, reason);
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
            HandlerFailed(e);
        }
        await CallClosedAsync(code, reason);
    }

    private async ValueTask CallClosedAsync(ushort code, string reason)
    {
        try
        {
            await _endpoint.Handler.OnClosed(this, code, reason);
        }
        catch (Exception e)
        {
            Log.OnClosedFailed(Services.Logger, Id, e);
        }
    }
}
