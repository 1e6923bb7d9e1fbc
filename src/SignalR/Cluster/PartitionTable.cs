namespace Realtime.SignalR.Cluster;

/// <summary>The rules of a partition, without Orleans: servers with their leases and topics, and what each of them is to get.</summary>
internal sealed class PartitionTable(TimeSpan lease, TimeProvider time)
{
    /// <summary>So long after the loss of an activation the next one holds what is sent: by then all servers have renewed their leases.</summary>
    public static readonly TimeSpan HoldTime = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, HubServer> _servers = [];
    private readonly Dictionary<string, HubServer[]> _topics = [];
    private readonly HashSet<HubServer> _outgoing = [];
    private readonly long _begin = time.GetTimestamp();
    private long _expired = time.GetTimestamp();
    private bool _isHolding;
    private bool _isSettled;
    private string[]? _all;

    /// <summary>Servers that have events to be sent; whoever sends them clears this.</summary>
    public HashSet<HubServer> Outgoing => _outgoing;

    public int Servers => _servers.Count;

    public int Topics => _topics.Count;

    public HubReply Apply(HubBatch batch)
    {
        Expire();
        if (!_servers.TryGetValue(batch.Server, out var server))
        {
            if (batch.Topics is null)
                return HubReply.Unknown;
            _isHolding |= batch.WasKnown && !_isSettled && time.GetElapsedTime(_begin) < HoldTime;
            _servers.Add(batch.Server, server = new HubServer(batch.Server));
        }
        server.Seen = time.GetTimestamp();
        if (batch.Call <= server.LastCall)
            return HubReply.Applied; // nobody waits for the answer any more
        server.LastCall = batch.Call;
        if (batch.Topics is { } topics)
            Replace(server, topics);
        var asksForAll = batch.Commands.Length == 0;
        if (batch.Number > server.LastBatch)
        {
            if (IsHolding() && batch.Commands.Any(command => command.Kind == HubCommandKind.Send))
                return HubReply.Hold;
            server.LastBatch = batch.Number;
            foreach (var command in batch.Commands)
                Apply(server, command, batch.IsRepeat);
        }
        foreach (var command in batch.Commands)
            asksForAll |= command.Topic == Topic.All;
        return asksForAll && _topics.ContainsKey(Topic.All)
            ? new HubReply(HubOutcome.Applied, All(), _isSettled || time.GetElapsedTime(_begin) > lease)
            : HubReply.Applied;
    }

    public HubServerState[] Save() => [.. _servers.Values.Select(server => new HubServerState(server.Id, server.LastCall, server.LastBatch, [.. server.Topics]))];

    public void Restore(HubServerState[] servers)
    {
        foreach (var saved in servers)
        {
            var server = new HubServer(saved.Server) { LastCall = saved.LastCall, LastBatch = saved.LastBatch, Seen = time.GetTimestamp() };
            _servers.Add(saved.Server, server);
            Replace(server, saved.Topics);
        }
        _isSettled = true;
    }

    private bool IsHolding() => _isHolding = _isHolding && time.GetElapsedTime(_begin) < HoldTime;

    private void Apply(HubServer server, HubCommand command, bool isRepeat)
    {
        switch (command.Kind)
        {
            case HubCommandKind.Enter:
                Enter(server, command.Topic);
                break;
            case HubCommandKind.Leave:
                Leave(server, command.Topic);
                break;
            case HubCommandKind.Send when command.Event is { } sent && _topics.TryGetValue(command.Topic, out var servers):
                // Who looks for a connection has looked at home.
                var leavesOut = sent.Kind != HubEventKind.Message || sent.IsForConnections ? server : null;
                if (isRepeat)
                    sent = sent with { IsRepeat = true };
                foreach (var receiver in servers)
                {
                    if (receiver == leavesOut)
                        continue;
                    receiver.Outbox.Add(sent);
                    _outgoing.Add(receiver);
                }
                break;
        }
    }

    private void Replace(HubServer server, string[] topics)
    {
        var now = topics.ToHashSet();
        foreach (var topic in server.Topics.Where(topic => !now.Contains(topic)).ToArray())
            Leave(server, topic);
        foreach (var topic in now)
            Enter(server, topic);
    }

    private void Enter(HubServer server, string topic)
    {
        if (!server.Topics.Add(topic))
            return;
        _topics[topic] = _topics.TryGetValue(topic, out var servers) ? [.. servers, server] : [server];
        Changed(topic);
    }

    private void Leave(HubServer server, string topic)
    {
        if (!server.Topics.Remove(topic) || !_topics.TryGetValue(topic, out var servers))
            return;
        if (servers.Length == 1)
            _topics.Remove(topic);
        else
            _topics[topic] = [.. servers.Where(other => other != server)];
        Changed(topic);
    }

    private void Changed(string topic)
    {
        if (topic == Topic.All)
            _all = null;
    }

    private string[] All() => _all ??= [.. _topics[Topic.All].Select(server => server.Id)];

    /// <summary>Looks a few times per lease, so that a batch costs no more the more servers there are.</summary>
    private void Expire()
    {
        if (time.GetElapsedTime(_expired) < lease / 8)
            return;
        _expired = time.GetTimestamp();
        foreach (var server in _servers.Values.Where(server => time.GetElapsedTime(server.Seen) > lease).ToArray())
        {
            foreach (var topic in server.Topics.ToArray())
                Leave(server, topic);
            _servers.Remove(server.Id);
            _outgoing.Remove(server);
        }
    }
}

/// <summary>A server in a partition's table.</summary>
internal sealed class HubServer(string id)
{
    public string Id => id;

    /// <summary>Of its last call; a timestamp.</summary>
    public long Seen { get; set; }

    public long LastCall { get; set; }

    public long LastBatch { get; set; }

    public HashSet<string> Topics { get; } = [];

    /// <summary>What the turn has for it.</summary>
    public List<HubEvent> Outbox { get; } = [];

    /// <summary>Where its events go; made when first needed.</summary>
    public IAsyncStream<HubEvent>? Stream { get; set; }
}

/// <summary>What goes along when a partition moves to another silo.</summary>
[GenerateSerializer, Immutable, Alias("realtime.signalr.server")]
internal sealed record HubServerState(
    [property: Id(0)] string Server, [property: Id(1)] long LastCall, [property: Id(2)] long LastBatch, [property: Id(3)] string[] Topics);
