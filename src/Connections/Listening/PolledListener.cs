using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Realtime.Connections.Listening;

/// <summary>
/// Accepts connections. Nothing that happens to one of them, nor a lack of descriptors, ends it: Kestrel does not accept again after an
/// exception.
/// </summary>
/// <remarks>More than ten fields: half of them are what each connection gets.</remarks>
internal sealed class PolledListener : IConnectionListener, IPolled
{
    private const int AcceptsInARow = 64; // then others have their turn

    // How long to wait when there are no descriptors: those of connections that end are there at once.
    private static readonly TimeSpan s_backOff = TimeSpan.FromMilliseconds(50);

    /// <summary>The answer to who would take one of the last descriptors.</summary>
    public static ReadOnlySpan<byte> Refusal =>
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"u8;

    private readonly Socket _socket; // .NET's: it made it, as the application wants it
    private readonly PolledSocket _listener;
    private readonly Pollers _pollers;
    private readonly MemoryPool<byte> _pool;
    private readonly long? _mostToWrite;
    private readonly ILogger _logger;
    private readonly IPEndPoint? _localEndPoint; // of all connections; null if each has its own
    private readonly byte[] _address = new byte[Linux.AddressSize];
    private readonly Lock _lock = new();
    private TaskCompletionSource? _waiter;
    private bool _event; // something may have come since the last look
    private volatile bool _ended;
    private bool _isFull, _isFailing;
    private int _row;

    private PolledListener(Socket socket, PolledSocket listener, Pollers pollers, MemoryPool<byte> pool, long? mostToWrite, ILogger logger)
    {
        _socket = socket;
        _listener = listener;
        _pollers = pollers;
        _pool = pool;
        _mostToWrite = mostToWrite;
        _logger = logger;
        EndPoint = socket.LocalEndPoint!;
        if (EndPoint is IPEndPoint ip && !ip.Address.Equals(IPAddress.Any) && !ip.Address.Equals(IPAddress.IPv6Any))
            _localEndPoint = ip;
    }

    public EndPoint EndPoint { get; }

    /// <summary>Begins to accept on a socket that listens, and owns it from now on.</summary>
    /// <exception cref="InvalidOperationException">The system gives no descriptor, or the host has stopped.</exception>
    public static PolledListener Start(Socket socket, Pollers pollers, MemoryPool<byte> pool, long? mostToWrite, ILogger logger)
    {
        var poller = pollers.Next() ?? throw new InvalidOperationException("The host has stopped: nothing is bound any more.");
        // A descriptor of our own: .NET's belongs to its socket, whose end closes it.
        int own = Linux.Duplicate(socket.SafeHandle);
        if (own < 0)
            throw new InvalidOperationException("The system has no descriptors left to listen with.");
        var listening = PolledSocket.Own(own, poller);
        var listener = new PolledListener(socket, listening, pollers, pool, mostToWrite, logger);
        if (!listening.Start(listener))
        {
            listening.Dispose();
            throw new InvalidOperationException("The listening socket cannot be watched.");
        }
        return listener;
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (!_ended && !cancellationToken.IsCancellationRequested)
        {
            try
            {
                if (await TryAcceptAsync() is { } connection)
                    return connection;
            }
            catch (Exception e)
            {
                // Without descriptors .NET gives neither a thread nor a library that is needed for the first time.
                Failing(0, e);
                Thread.Sleep(s_backOff); // what waits otherwise may be what failed
            }
        }
        return null;
    }

    private async ValueTask<PolledConnection?> TryAcceptAsync()
    {
        if (++_row > AcceptsInARow)
        {
            _row = 0;
            if (_isFull || _isFailing)
                await Task.Delay(s_backOff, CancellationToken.None);
            else
                await Task.Yield();
        }
        lock (_lock)
            _event = false;
        int descriptor = _listener.Accept(_address, out int error);
        if (descriptor >= 0)
        {
            if (!DescriptorLimit.IsInReserve(descriptor))
                return Make(descriptor);
            // To who speaks plain HTTP; it is no more than a failed handshake under TLS.
            Linux.TrySend(descriptor, Refusal);
            Linux.ShutDown(descriptor, Linux.ShutDownSide.Send);
            Linux.Close(descriptor);
            Full();
        }
        else if (error == Linux.WouldBlock)
            await EventAsync();
        else if (error is Linux.TooManyFiles or Linux.TooManyFilesOfAll or Linux.NoMemory or Linux.NoBuffers)
        {
            Full();
            await Task.Delay(s_backOff, CancellationToken.None);
        }
        else if (error is Linux.BadDescriptor or Linux.InvalidArgument && !_ended)
        {
            Failing(error);
            await Task.Delay(s_backOff, CancellationToken.None);
        }
        // Anything else is the end of a connection that was about to be accepted (accept(2), "Error handling"). If it is not, and
        // comes for ever, it is waited for as well.
        else if (_row == AcceptsInARow && !_ended)
            Failing(error);
        return null;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        End();
        return default;
    }

    public ValueTask DisposeAsync()
    {
        End();
        if (_pool != MemoryPool<byte>.Shared)
            _pool.Dispose();
        return default;
    }

    public void OnEvents(uint events)
    {
        TaskCompletionSource? waiter;
        lock (_lock)
        {
            _event = true;
            (waiter, _waiter) = (_waiter, null);
        }
        waiter?.TrySetResult();
    }

    public void Abort() => End();

    private void End()
    {
        _ended = true;
        _listener.ShutDown(Linux.ShutDownSide.Both); // ends it for good, however many descriptors it has
        _listener.Dispose();
        _socket.Dispose();
        OnEvents(Linux.HangUp);
    }

    private Task EventAsync()
    {
        lock (_lock)
        {
            if (_event || _ended)
                return Task.CompletedTask;
            _row = 0;
            return (_waiter ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private PolledConnection? Make(int descriptor)
    {
        if (_pollers.Next() is not { } poller)
        {
            Linux.Close(descriptor);
            return null;
        }
        var socket = PolledSocket.Own(descriptor, poller);
        try
        {
            if (_isFull || _isFailing)
            {
                _isFull = _isFailing = false;
                Log.Accepting(_logger, EndPoint);
            }
            var connection = new PolledConnection(socket, _pool, _logger, _mostToWrite)
            {
                RemoteEndPoint = Linux.EndPoint(_address),
                LocalEndPoint = _localEndPoint,
            };
            if (connection.Start())
                return connection;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        socket.Dispose();
        return null;
    }

    // Clients are refused at once, a few at a time, and not left to wait for what may not come.
    private void Full()
    {
        if (_isFull)
            return;
        _isFull = true;
        Log.NoDescriptors(_logger, EndPoint);
    }

    // Told once, until somebody is accepted again.
    private void Failing(int error, Exception? exception = null)
    {
        if (_isFailing)
            return;
        _isFailing = true;
        try
        {
            Log.AcceptFailed(_logger, EndPoint, error, exception);
        }
        catch (Exception)
        {
            // A log that cannot be written, for the same reason perhaps.
        }
    }
}
