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
        if (IsStopping)
        {
            context.Abort(); // the cluster has been told that this server is gone
            return;
        }
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
                Kind = HubEventKind.Message,
                Topic = Topic.All,
                Server = Server,
                Payloads = payloads,
                Connections = [.. elsewhere],
                IsForConnections = true,
            }).WaitAsync(cancellation);
        }
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
                    TryRenew(partition);
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    /// <summary>Nothing ends the renewing: without it the server would get nothing any more.</summary>
    private void TryRenew(Partition partition)
    {
        try
        {
            partition.Renew(s_period * 0.75);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNotRenewed(Log, exception));
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Connection {Connection} is closed: more than {Bytes} bytes waited for it.")]
    private static partial void LogSlow(ILogger log, string connection, int bytes);

    [LoggerMessage(3, LogLevel.Error, "A lease of the server could not be renewed; it is tried again.")]
    private static partial void LogNotRenewed(ILogger log, Exception exception);
}
