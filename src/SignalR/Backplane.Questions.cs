using Realtime.SignalR.Results;

namespace Realtime.SignalR;

/// <summary>What is asked of connections that may be on other servers: to change a group, or for a result.</summary>
internal sealed partial class Backplane
{
    private readonly ConcurrentDictionary<string, Question> _questions = new();

    /// <summary>A connection enters or leaves a group; one that no server has is passed over.</summary>
    public async Task ChangeGroup(HubEventKind change, string connectionId, string group, CancellationToken cancellation)
    {
        if (Find(connectionId) is { } local)
        {
            await (change == HubEventKind.Enter ? Enter(group, local) : Leave(group, local)).WaitAsync(cancellation);
            return;
        }
        var id = ClientResults.NewId();
        var question = new Question();
        _questions[id] = question;
        try
        {
            await Ask(question, new HubEvent
            {
                Kind = change,
                Topic = Topic.All,
                Server = Server,
                Connections = [connectionId],
                IsForConnections = true,
                Question = id,
                Group = group,
            }, cancellation);
        }
        finally
        {
            _questions.TryRemove(id, out _);
        }
    }

    /// <summary>Has a connection answer; see <see cref="HubLifetimeManager{THub}.InvokeConnectionAsync"/>.</summary>
    /// <exception cref="IOException">There is no such connection, or it, or its server, has gone.</exception>
    /// <exception cref="HubException">The client's error, or the wait was cancelled.</exception>
    public async Task<T> Invoke<T>(string connectionId, string method, object?[] args, CancellationToken cancellation)
    {
        var id = ClientResults.NewId();
        var awaited = new AwaitedResult<T>(id, connectionId);
        Results.Add(awaited);
        using var canceled = cancellation.UnsafeRegister(static state => ((AwaitedResult<T>)state!).Fail(new HubException("Invocation canceled by the server.")), awaited);
        try
        {
            if (Find(connectionId) is not { } local)
                return await InvokeElsewhere(awaited, new InvocationMessage(id, method, args));
            using var aborted = local.Context.ConnectionAborted.UnsafeRegister(
                static state => ((AwaitedResult<T>)state!).Fail(new IOException($"Connection '{((AwaitedResult<T>)state!).ConnectionId}' disconnected.")), awaited);
            await local.Context.WriteAsync(new InvocationMessage(id, method, args), cancellation);
            return await awaited.Result;
        }
        finally
        {
            Results.Remove(id);
        }
    }

    public void Answer(string server, HubEvent answer) => _ = SendDirect(server, answer);

    public void Answered(string question, string server, bool isFound)
    {
        if (_questions.TryGetValue(question, out var asked))
            asked.Answered(server, isFound);
    }

    /// <summary>The cluster has told which servers there are.</summary>
    public void Told(HubReply reply)
    {
        if (reply.Servers is null || !reply.IsSettled || _questions.IsEmpty)
            return;
        var living = reply.Servers.ToHashSet();
        foreach (var (_, question) in _questions)
            question.Compare(living);
    }

    /// <summary>Whether a server has the connection that is asked for.</summary>
    private async Task<bool> Ask(Question question, HubEvent asks, CancellationToken cancellation)
    {
        await EnsureStarted(); // for the answers
        var reply = await PartitionOf(Topic.All).Send(asks).WaitAsync(cancellation);
        question.Asked(reply.Servers?.Where(server => server != Server) ?? []);
        return await question.Found.WaitAsync(Options.CallTimeout, Time, cancellation);
    }

    private async Task<T> InvokeElsewhere<T>(AwaitedResult<T> awaited, InvocationMessage message)
    {
        var payloads = Serializer.Serialize(message);
        Check(payloads);
        var question = new Question();
        _questions[awaited.InvocationId] = question;
        try
        {
            var asked = Ask(question, new HubEvent
            {
                Kind = HubEventKind.Invoke,
                Topic = Topic.All,
                Server = Server,
                Payloads = payloads,
                Connections = [awaited.ConnectionId],
                IsForConnections = true,
                Question = awaited.InvocationId,
            }, CancellationToken.None);
            // The result may come before all servers have answered, and so may a cancellation.
            if (await Task.WhenAny(asked, awaited.Result) == asked && !await asked)
                throw new IOException($"Connection '{awaited.ConnectionId}' does not exist.");
            if (await Task.WhenAny(awaited.Result, question.Lost) == question.Lost && !awaited.Result.IsCompleted)
                throw new IOException($"Connection '{awaited.ConnectionId}' disconnected.");
            return await awaited.Result;
        }
        catch (HubException) when (question.Holder is { } holder)
        {
            // If it was cancelled, the client may answer what nobody awaits any more.
            Answer(holder, new HubEvent { Kind = HubEventKind.Cancel, Server = Server, Question = awaited.InvocationId });
            throw;
        }
        finally
        {
            _questions.TryRemove(awaited.InvocationId, out _);
        }
    }

    /// <summary>From server to server, on the other's stream.</summary>
    private async Task SendDirect(string server, HubEvent sent)
    {
        try
        {
            await _streams.GetStream<HubEvent>(HubStreams.Of(server)).OnNextAsync(sent);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNotSent(Log, server, exception));
        }
    }

    [LoggerMessage(2, LogLevel.Warning, "Server {Server} could not be answered.")]
    private static partial void LogNotSent(ILogger log, string server, Exception exception);
}
