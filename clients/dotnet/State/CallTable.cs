using Realtime.Client.Connecting;
using Realtime.Client.Protocol;

namespace Realtime.Client.State;

/// <summary>The methods that the server may call, and the calls that run.</summary>
internal sealed class CallTable(Session session)
{
    private const int MaxErrorChars = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Func<JsonData, CancellationToken, ValueTask<JsonData>>> _methods = [];
    private int _running;

    /// <summary>Whether the server waits for an answer.</summary>
    public bool IsRunning
    {
        get
        {
            lock (_lock)
                return _running > 0;
        }
    }

    /// <exception cref="InvalidOperationException">It has a handler already.</exception>
    public IDisposable Map(string method, Func<JsonData, CancellationToken, ValueTask<JsonData>> handler)
    {
        lock (_lock)
        {
            if (!_methods.TryAdd(method, handler))
                throw new InvalidOperationException($"'{method}' has a handler already; end that first.");
        }
        return new Mapping(this, method, handler);
    }

    /// <summary>The server calls. Its connection gets the answer, as no other one waits for it.</summary>
    public void Called(SocketConnection connection, scoped in ServerFrame frame)
    {
        var (id, method, data) = (frame.Id.Decode()!, frame.Method.Decode()!, new JsonData(frame.Data.ToArray()));
        Func<JsonData, CancellationToken, ValueTask<JsonData>>? handler;
        lock (_lock)
        {
            _methods.TryGetValue(method, out handler);
            if (handler is not null && _running < session.Options.MaxRunningCalls)
                _running++;
            else
                method = null!;
        }
        if (handler is null)
            connection.Send(FrameWriter.Error(id, RealtimeErrorCodes.UnknownMethod, "This client has no such method."));
        else if (method is null)
            connection.Send(FrameWriter.Error(id, RealtimeErrorCodes.TooManyCalls, "As many calls run here as may."));
        else
            _ = Task.Run(() => RunAsync(connection, id, method, data, handler));
    }

    private async Task RunAsync(SocketConnection connection, string id, string method, JsonData data, Func<JsonData, CancellationToken, ValueTask<JsonData>> handler)
    {
        byte[] answer;
        try
        {
            answer = FrameWriter.Result(id, await handler(data, connection.Ended).ConfigureAwait(false));
            if (answer.Length > session.Options.MaxMessageBytes)
                throw new ArgumentException($"The result has {answer.Length} bytes as a frame; it may have {session.Options.MaxMessageBytes} (the option {nameof(RealtimeClientOptions.MaxMessageBytes)}).");
        }
        catch (RealtimeException exception)
        {
            answer = FrameWriter.Error(id, exception.Code, exception.Message.Length > MaxErrorChars ? exception.Message[..MaxErrorChars] : exception.Message);
        }
        catch (Exception exception)
        {
            // The server is not told what it was.
            if (!connection.Ended.IsCancellationRequested)
                Log.CallFailed(session.Logger, method, exception);
            answer = FrameWriter.Error(id, RealtimeErrorCodes.CallFailed, "The method failed.");
        }
        // It counts until it is sent: results that cannot be are no way to fill the memory.
        await connection.SendAsync(answer).ConfigureAwait(false);
        lock (_lock)
            _running--;
    }

    private sealed class Mapping(CallTable owner, string method, Func<JsonData, CancellationToken, ValueTask<JsonData>> handler) : IDisposable
    {
        public void Dispose()
        {
            lock (owner._lock)
            {
                if (owner._methods.TryGetValue(method, out var mapped) && mapped == handler)
                    owner._methods.Remove(method);
            }
        }
    }
}
