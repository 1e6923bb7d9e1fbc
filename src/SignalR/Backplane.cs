using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Realtime.SignalR.Results;

namespace Realtime.SignalR;

/// <summary>
/// A hub on this server: its connections, and the way to those of other servers. A message goes to the grain of its topic, from there once to
/// the stream of each server with connections in the topic, and there to these.
/// </summary>
/// <remarks>More than ten fields: it has what all parts of a hub need.</remarks>
internal sealed partial class Backplane
{
    // A server that is there calls at least once in less than twice this, also when its last call was just too fresh to be repeated: several
    // times within PartitionTable.HoldTime and the shortest lease.
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(500);

    private readonly IGrainFactory _grains;
    private readonly IStreamProvider _streams;
    private readonly Partition[] _partitions;
    private readonly ConcurrentDictionary<string, LocalConnection> _connections = new();
    private readonly ConcurrentDictionary<string, Question> _questions = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _starting = new(1);
    private StreamSubscriptionHandle<HubEvent>? _subscription;
    private long _pendingBytes;

    public Backplane(Type hub, HubSerializer serializer, IServiceProvider services)
    {
        _grains = services.GetService<IGrainFactory>() ?? throw NotAdded();
        _streams = services.GetKeyedService<IStreamProvider>(HubStreams.Provider) ?? throw NotAdded();
        Options = services.GetRequiredService<IOptions<BackplaneOptions>>().Value;
        Time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        Log = services.GetRequiredService<ILoggerFactory>().CreateLogger("Realtime.SignalR." + hub.Name);
        Serializer = serializer;
        var name = Options.Prefix + (hub.FullName ?? hub.Name);
        _partitions = [.. Enumerable.Range(0, Topic.Partitions).Select(number =>
            new Partition(this, _grains.GetGrain<IHubPartitionGrain>(string.Create(CultureInfo.InvariantCulture, $"{name}/{number}"))))];

        static InvalidOperationException NotAdded() => new(
            $"The hub's process is no silo and no client of a cluster with a backplane: call {nameof(BackplaneExtensions.AddRealtimeBackplane)}() in UseOrleans or UseOrleansClient too.");
    }

    /// <summary>This server's id: new at each start, so that what is for a former process never reaches this one.</summary>
    public string Server { get; } = Guid.NewGuid().ToString("N")[..12];

    public BackplaneOptions Options { get; }

    public TimeProvider Time { get; }

    public ILogger Log { get; }

    public HubSerializer Serializer { get; }

    public ClientResults Results { get; } = new();

    public bool IsStopping => _stopping.IsCancellationRequested;

    public LocalConnection? Find(string connectionId) => _connections.GetValueOrDefault(connectionId);

    public LocalConnection[] Members(string topic) => PartitionOf(topic).Members(topic);

    public async Task Connect(HubConnectionContext context)
    {
        var connection = new LocalConnection(context);
        _connections[connection.Id] = connection;
        await EnsureStarted();
        var all = Enter(Topic.All, connection);
        if (!string.IsNullOrEmpty(context.UserIdentifier))
            await Enter(Topic.User(context.UserIdentifier), connection);
        await all;
    }

    /// <summary>Waits for nobody: the cluster is told as soon as it can be.</summary>
    public void Disconnect(HubConnectionContext context)
    {
        if (!_connections.TryRemove(context.ConnectionId, out var connection))
            return;
        string[] topics;
        lock (connection.Topics)
        {
            connection.IsGone = true;
            topics = [.. connection.Topics];
            connection.Topics.Clear();
        }
        foreach (var topic in topics)
            _ = PartitionOf(topic).Leave(topic, connection);
    }

    /// <summary>To all connections of a topic, wherever they are, but for some.</summary>
    public Task Send(string topic, string method, object?[] args, IReadOnlyList<string>? except, CancellationToken cancellation) =>
        Send(topic, Serialize(method, args), except is { Count: > 0 } ? [.. except] : null, cancellation);

    /// <summary>To each of some topics: who is in two of them gets it twice.</summary>
    public Task SendToEach(string[] topics, string method, object?[] args, CancellationToken cancellation)
    {
        if (topics.Length == 0)
            return Task.CompletedTask;
        var payloads = Serialize(method, args);
        return Task.WhenAll(topics.Select(topic => Send(topic, payloads, null, cancellation)));
    }

    /// <summary>To connections of this server directly, and to those of others by asking each server once.</summary>
    public async Task SendToConnections(IReadOnlyList<string> ids, string method, object?[] args, CancellationToken cancellation)
    {
        List<LocalConnection> local = [];
        List<string> elsewhere = [];
        foreach (var id in ids)
        {
            if (Find(id) is { } connection)
                local.Add(connection);
            else if (!string.IsNullOrEmpty(id))
                elsewhere.Add(id);
        }
        if (ids.Count == 1 && local.Count == 1)
        {
            // As SignalR does it: the sender waits for its own client.
            await local[0].Context.WriteAsync(new InvocationMessage(method, args), cancellation);
            return;
        }
        var payloads = Serialize(method, args);
        if (local.Count > 0)
            Write(local, HubSerializer.Wrap(payloads), payloads.Sum(payload => payload.Bytes.Length), null);
        if (elsewhere.Count > 0)
        {
            BackplaneMetrics.Sends.Add(1);
            await PartitionOf(Topic.All).Send(new HubEvent
            {
                Kind = HubEventKind.Message, Topic = Topic.All, Server = Server, Payloads = payloads, Connections = [.. elsewhere], IsForConnections = true,
            }).WaitAsync(cancellation);
        }
    }

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
                Kind = change, Topic = Topic.All, Server = Server, Connections = [connectionId], IsForConnections = true, Question = id, Group = group,
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

    /// <summary>Gives a message to connections, in the order of the calls.</summary>
    public void Write(IEnumerable<LocalConnection> connections, SerializedHubMessage message, int size, HashSet<string>? except)
    {
        var count = 0;
        foreach (var connection in connections)
        {
            if (except?.Contains(connection.Id) == true)
                continue;
            count++;
            if (!connection.WriteOrClose(message, size, Options.MaxConnectionBytes))
                continue;
            BackplaneMetrics.Slow.Add(1);
            LogSlow(Log, connection.Id, Options.MaxConnectionBytes);
        }
        BackplaneMetrics.Deliveries.Add(count);
    }

    public Task Enter(string topic, LocalConnection connection)
    {
        lock (connection.Topics)
        {
            if (connection.IsGone)
                return Task.CompletedTask;
            connection.Topics.Add(topic);
            return PartitionOf(topic).Enter(topic, connection);
        }
    }

    public Task Leave(string topic, LocalConnection connection)
    {
        lock (connection.Topics)
        {
            return connection.Topics.Remove(topic) ? PartitionOf(topic).Leave(topic, connection) : Task.CompletedTask;
        }
    }

    /// <summary>Counts what waits for the cluster.</summary>
    /// <exception cref="InvalidOperationException">It is too much.</exception>
    public void Reserve(int bytes)
    {
        if (Interlocked.Add(ref _pendingBytes, bytes) <= Options.MaxPendingBytes)
            return;
        Interlocked.Add(ref _pendingBytes, -bytes);
        throw new InvalidOperationException($"More than {Options.MaxPendingBytes} bytes wait to be sent to the cluster: this message is not sent.");
    }

    public void Release(long bytes) => Interlocked.Add(ref _pendingBytes, -bytes);

    /// <summary>The cluster has told which servers there are.</summary>
    public void Told(HubReply reply)
    {
        if (reply.Servers is null || !reply.IsSettled || _questions.IsEmpty)
            return;
        var living = reply.Servers.ToHashSet();
        foreach (var (_, question) in _questions)
            question.Compare(living);
    }

    /// <summary>The cluster is told that this server goes, and its stream ends.</summary>
    public async Task Stop()
    {
        if (IsStopping)
            return;
        await _stopping.CancelAsync();
        await Task.WhenAll(_partitions.Select(partition => partition.Stop())).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_subscription is { } subscription)
            await subscription.UnsubscribeAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private Partition PartitionOf(string topic) => _partitions[Topic.PartitionOf(topic)];

    private HubPayload[] Serialize(string method, object?[] args)
    {
        var payloads = Serializer.Serialize(new InvocationMessage(method, args));
        Check(payloads);
        return payloads;
    }

    private void Check(HubPayload[] payloads)
    {
        var size = payloads.Sum(payload => (long)payload.Bytes.Length);
        if (size > Options.MaxMessageBytes)
            throw new InvalidOperationException($"The message has {size} bytes in the hub's protocols; at most {Options.MaxMessageBytes} are sent.");
    }

    private Task Send(string topic, HubPayload[] payloads, string[]? except, CancellationToken cancellation)
    {
        BackplaneMetrics.Sends.Add(1);
        Task sent = PartitionOf(topic).Send(new HubEvent { Kind = HubEventKind.Message, Topic = topic, Server = Server, Payloads = payloads, Connections = except });
        return cancellation.CanBeCanceled ? sent.WaitAsync(cancellation) : sent;
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
                Kind = HubEventKind.Invoke, Topic = Topic.All, Server = Server, Payloads = payloads,
                Connections = [awaited.ConnectionId], IsForConnections = true, Question = awaited.InvocationId,
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

    /// <summary>Once: this server hears its stream before it has connections, and renews its leases from then on.</summary>
    private async Task EnsureStarted()
    {
        if (_subscription is not null)
            return;
        await _starting.WaitAsync();
        try
        {
            if (_subscription is not null)
                return;
            var stream = _streams.GetStream<HubEvent>(HubStreams.Of(Server));
            _subscription = await stream.SubscribeAsync(new EventReceiver(this));
            _ = Task.Run(Renew);
        }
        finally
        {
            _starting.Release();
        }
    }

    private async Task Renew()
    {
        try
        {
            using var timer = new PeriodicTimer(s_period, Time);
            await Task.Delay(Backoff.Part(s_period), Time, _stopping.Token);
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                foreach (var partition in _partitions)
                    partition.Renew(s_period * 0.75);
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNotRenewed(Log, exception));
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Connection {Connection} is closed: more than {Bytes} bytes waited for it.")]
    private static partial void LogSlow(ILogger log, string connection, int bytes);

    [LoggerMessage(2, LogLevel.Warning, "Server {Server} could not be answered.")]
    private static partial void LogNotSent(ILogger log, string server, Exception exception);

    [LoggerMessage(3, LogLevel.Error, "The server's leases are not renewed any more.")]
    private static partial void LogNotRenewed(ILogger log, Exception exception);
}
