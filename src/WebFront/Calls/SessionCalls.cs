using Realtime.Grains;

namespace Realtime.WebFront.Calls;

/// <summary>The calls of one connection, both ways; made with the first.</summary>
internal sealed class SessionCalls(bool isClosed)
{
    private readonly Dictionary<string, TaskCompletionSource<CallAnswer>> _waiting = []; // guarded by itself
    private bool _isClosed = isClosed;
    private int _running;

    /// <summary>A method begins to run for the client; false when as many run as may.</summary>
    public bool TryBegin(int bound)
    {
        lock (_waiting)
        {
            if (_running >= bound)
                return false;
            _running++;
            return true;
        }
    }

    public void End()
    {
        lock (_waiting)
            _running--;
    }

    /// <summary>Expects the answer to a call that is about to be sent to the client; false when as many wait as may.</summary>
    public bool TryExpect(string id, int bound, out Task<CallAnswer> answer)
    {
        answer = Task.FromResult(ClientCalls.Gone);
        lock (_waiting)
        {
            if (_isClosed)
                return true;
            if (_waiting.Count >= bound)
                return false;
            var waiting = new TaskCompletionSource<CallAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add(id, waiting);
            answer = waiting.Task;
            return true;
        }
    }

    /// <summary>The client answers; false when nobody waits for it.</summary>
    public bool Answer(string id, CallAnswer answer)
    {
        TaskCompletionSource<CallAnswer>? waiting;
        lock (_waiting)
            _waiting.Remove(id, out waiting);
        return waiting is not null && waiting.TrySetResult(answer);
    }

    /// <summary>Nobody waits any more.</summary>
    public void Forget(string id)
    {
        lock (_waiting)
            _waiting.Remove(id);
    }

    /// <summary>The connection is closed: it answers nothing any more.</summary>
    public void Close()
    {
        TaskCompletionSource<CallAnswer>[] all;
        lock (_waiting)
        {
            _isClosed = true;
            all = [.. _waiting.Values];
            _waiting.Clear();
        }
        foreach (var waiting in all)
            waiting.TrySetResult(ClientCalls.Gone);
    }
}
