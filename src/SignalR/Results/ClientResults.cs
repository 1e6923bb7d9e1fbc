using System.Diagnostics.CodeAnalysis;

namespace Realtime.SignalR.Results;

/// <summary>Results that are awaited of connections of this server, for code here or for other servers, and of those of others for code here.</summary>
internal sealed class ClientResults : IInvocationBinder
{
    private readonly ConcurrentDictionary<string, PendingResult> _pending = new();

    public static string NewId() => Guid.NewGuid().ToString("N");

    public int Count => _pending.Count;

    public IEnumerable<string> Ids => _pending.Keys;

    public void Add(PendingResult result) => _pending[result.InvocationId] = result;

    public bool Remove(string invocationId) => _pending.TryRemove(invocationId, out _);

    public PendingResult? Find(string invocationId) => _pending.GetValueOrDefault(invocationId);

    /// <summary>A connection has answered; a second answer, or one that nobody awaits any more, is passed over.</summary>
    /// <exception cref="InvalidOperationException">Another connection was asked.</exception>
    public void Complete(string connectionId, CompletionMessage result)
    {
        if (result.InvocationId is not { } id || !_pending.TryGetValue(id, out var pending))
            return;
        if (pending.ConnectionId != connectionId)
            throw new InvalidOperationException($"Connection ID '{connectionId}' is not valid for invocation ID '{id}'.");
        if (_pending.TryRemove(id, out _))
            pending.Complete(result);
    }

    public bool TryGetType(string invocationId, [NotNullWhen(true)] out Type? type)
    {
        type = _pending.GetValueOrDefault(invocationId)?.Type;
        return type is not null;
    }

    Type IInvocationBinder.GetReturnType(string invocationId) =>
        TryGetType(invocationId, out var type) ? type : throw new InvalidOperationException($"Nobody awaits the result '{invocationId}'.");

    IReadOnlyList<Type> IInvocationBinder.GetParameterTypes(string methodName) => throw new NotSupportedException();

    Type IInvocationBinder.GetStreamItemType(string streamId) => throw new NotSupportedException();
}

/// <summary>A result that is awaited of a connection.</summary>
internal abstract class PendingResult(string invocationId, string connectionId)
{
    public string InvocationId => invocationId;

    public string ConnectionId => connectionId;

    /// <summary>As what the connection's answer is read.</summary>
    public abstract Type Type { get; }

    public abstract void Complete(CompletionMessage result);
}

/// <summary>Code of this server waits.</summary>
internal sealed class AwaitedResult<T>(string invocationId, string connectionId) : PendingResult(invocationId, connectionId)
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Result => _result.Task;

    public override Type Type => typeof(T);

    public override void Complete(CompletionMessage result)
    {
        if (result.HasResult)
            _result.TrySetResult((T)result.Result!);
        else
            _result.TrySetException(new HubException(result.Error));
    }

    public void Fail(Exception exception) => _result.TrySetException(exception);
}

/// <summary>Another server waits: it gets the answer as the connection has written it.</summary>
internal sealed class ForwardedResult(string invocationId, string connectionId, Action<CompletionMessage> forward) : PendingResult(invocationId, connectionId)
{
    public override Type Type => typeof(RawResult);

    public override void Complete(CompletionMessage result) => forward(result);
}
