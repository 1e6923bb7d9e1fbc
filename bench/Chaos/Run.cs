using System.Diagnostics;
using Realtime.Chaos.Checking;
using Realtime.Chaos.Clients;
using Realtime.Chaos.Clusters;

namespace Realtime.Chaos;

/// <summary>A run: clients publish and listen while servers die; then all come to rest, and every room ends with one message.</summary>
internal sealed class Run(ChaosOptions options, ICluster cluster, WebhookListener webhooks, Stopwatch clock, TextWriter output)
{
    /// <summary>
    /// How long everything may take to come to rest once nothing is killed any more: a lease, a few back-offs and calls, on
    /// a machine that is busy. What is not back then is counted.
    /// </summary>
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(30);

    // Publishes a second of each session without a WebSocket, besides.
    private const double SessionRate = 1;

    // Of the rate of rooms, besides.
    private const double InboxShare = 0.1;

    // With names of their own, so that nothing is left of an earlier run in the same database.
    private static readonly string s_run = $"{Random.Shared.Next(0x10000):x4}";
    private readonly string[] _rooms = Names("room", options.Rooms);
    private readonly string[] _inboxes = [.. Names("owner", options.Inboxes).Select(Inbox.NameOf)];
    private readonly List<IMember> _clients = [];
    private readonly List<StreamClient> _streams = [];
    private readonly List<Publisher> _publishers = [];
    private readonly List<(TimeSpan At, Victim[] Victims)> _strikes = [];

    /// <summary>What was done and seen; read when <see cref="Execute"/> is done.</summary>
    public RunResult Result { get; private set; } = null!;

    public async Task Execute()
    {
        AddClients();
        webhooks.EveryRepeatIsMarked = options.UsesProcesses;
        using var stopping = new CancellationTokenSource();
        var running = _clients.Select(client => client.Run(stopping.Token)).ToArray();
        await Until(() => All.All(AreIn));
        output.WriteLine($"{_clients.Count} clients are in {_rooms.Length} rooms and {_inboxes.Length} inboxes");

        using var over = new CancellationTokenSource();
        var publishing = _publishers.Select(publisher => publisher.Run(over.Token)).ToArray();
        var start = clock.Elapsed;
        await Strike(start);
        var length = TimeSpan.FromSeconds(options.Seconds);
        if (clock.Elapsed - start < length)
            await Task.Delay(length - (clock.Elapsed - start));
        await over.CancelAsync();
        await Task.WhenAll(publishing);
        var end = clock.Elapsed;

        var ends = await Rest();
        await stopping.CancelAsync();
        await Task.WhenAll(running);
        var history = new RunHistory(
            [.. _clients.Select(client => client.History), webhooks.HistoryOf(_rooms)], [.. _publishers.SelectMany(publisher => publisher.Publishes)],
            ends, options.UsesPostgresLog);
        ClientHistory[] streams = [.. _streams.Select(stream => stream.History)];
        ClientHistory[] roomStreams = [.. streams.Where(stream => Inbox.UserOf(stream.Rooms[0]) is null)];
        Result = new RunResult(history, Checker.Check(history), _strikes, end - start,
            Silences([.. history.Clients.Where(client => client.Client != WebhookListener.Name && !streams.Contains(client) && client.Rooms.All(room => Inbox.UserOf(room) is null))]))
        {
            Streams = streams,
            StreamSilences = roomStreams.Length > 0 ? Silences(roomStreams) : [],
            Webhooks = (webhooks.Requests, webhooks.Repeats),
            Library = [.. _clients.OfType<LibraryClient>().Select(client => client.History)],
        };

        IReadOnlyList<Silence> Silences(ClientHistory[] clients) => Silence.After([.. _strikes.Select(strike => strike.At)], clients, end);
    }

    private static string[] Names(string what, int count) => [.. Enumerable.Range(0, count).Select(i => $"{what}{i}-{s_run}")];

    private IEnumerable<string> All => _rooms.Concat(_inboxes);

    private void AddClients()
    {
        var perSecond = (double)options.Rate / options.Publishers;
        for (var i = 0; i < options.Publishers; i++)
        {
            // Every room has a publisher: several publishers to a room, or several rooms to a publisher.
            string[] rooms = options.Publishers >= options.Rooms
                ? [_rooms[i % _rooms.Length]]
                : [.. _rooms.Where((_, room) => room % options.Publishers == i)];
            var name = $"publisher{i}";
            var client = MemberOf(name, rooms, i);
            _clients.Add(client);
            _publishers.Add(new Publisher(client, rooms, perSecond, clock));
        }
        for (var i = 0; i < options.Members; i++)
            _clients.Add(MemberOf($"member{i}", [_rooms[i % _rooms.Length]], i));
        for (var i = 0; i < options.Streams; i++)
            _streams.Add(new StreamClient($"stream{i}", _rooms[i % _rooms.Length], () => cluster.Fronts, clock));
        for (var i = 0; i < options.Sessions; i++)
        {
            string[] rooms = [_rooms[i % _rooms.Length]];
            var client = new ProtocolClient($"session{i}", $"session{i}", rooms, [], () => cluster.Fronts, clock, PostedLine.Among(() => cluster.Fronts));
            _clients.Add(client);
            _publishers.Add(new Publisher(client, rooms, SessionRate, clock));
        }
        foreach (var inbox in _inboxes)
        {
            if (options.Streams > 0)
                _streams.Add(new StreamClient($"{Inbox.UserOf(inbox)}'s page", inbox, () => cluster.Fronts, clock));
            foreach (var device in new[] { "phone", "desktop" })
                _clients.Add(new ProtocolClient($"{Inbox.UserOf(inbox)}'s {device}", Inbox.UserOf(inbox)!, [inbox], [], () => cluster.Fronts, clock));
        }
        _clients.AddRange(_streams);
        if (_inboxes.Length == 0)
            return;
        var writer = new ProtocolClient("writer", "writer", [], _inboxes, () => cluster.Fronts, clock);
        _clients.Add(writer);
        _publishers.Add(new Publisher(writer, _inboxes, Math.Max(1, options.Rate * InboxShare), clock));
    }

    /// <summary>By the .NET library for as many as the options say, spread over all rooms; every other one of those has no WebSockets.</summary>
    private IPublishingMember MemberOf(string name, string[] rooms, int index)
    {
        index += index / _rooms.Length; // rooms take members in turn: not the same ones in each turn are of the library
        var before = index * options.Library / 100;
        return before < (index + 1) * options.Library / 100
            ? new LibraryClient(name, rooms, hasWebSockets: before % 2 == 0, () => cluster.Fronts, clock)
            : new ProtocolClient(name, name, rooms, [], () => cluster.Fronts, clock);
    }

    private async Task Strike(TimeSpan start)
    {
        var length = TimeSpan.FromSeconds(options.Seconds);
        foreach (var strike in Schedule.Create(options.Seed, length, TimeSpan.FromSeconds(options.KillEvery), options.Silos, options.Fronts))
        {
            var due = start + strike.At - clock.Elapsed;
            if (due > TimeSpan.Zero)
                await Task.Delay(due);
            if (clock.Elapsed - start >= length)
                return; // the ones before took their time
            var at = clock.Elapsed;
            _strikes.Add((at, strike.Victims));
            output.Write($"{(at - start).TotalSeconds,6:0.0} s  {string.Join(", ", strike.Victims)}");
            await Task.WhenAll(strike.Victims.Select(victim => Task.Run(() => cluster.End(victim))));
            var ended = clock.Elapsed;
            await Task.Delay(strike.Down);
            var restarted = clock.Elapsed;
            await Task.WhenAll(strike.Victims.Select(victim => Task.Run(() => cluster.Start(victim))));
            output.WriteLine($"; gone after {(ended - at).TotalSeconds:0.0} s, down for {(restarted - ended).TotalSeconds:0.0} s, back after {(clock.Elapsed - restarted).TotalSeconds:0.0} s more");
        }
    }

    /// <summary>Everybody gets answers and comes back; then each room ends with one message, which everybody must have.</summary>
    private async Task<IReadOnlyDictionary<string, Position>> Rest()
    {
        await Until(() => _publishers.TrueForAll(publisher => publisher.Client.Unanswered == 0));
        foreach (var publisher in _publishers)
            publisher.Client.GiveUp($"no answer {s_rest.TotalSeconds} s after the end");
        await Until(() => All.All(AreIn));

        var last = All.ToDictionary(room => room, room => PublisherOf(room).Publish(room));
        await Until(() => last.Values.All(publish => publish.Ack is not null || publish.Failure is not null));
        foreach (var publisher in _publishers)
            publisher.Client.GiveUp("no answer at the end");
        var ends = last.Where(entry => entry.Value.Ack is not null).ToDictionary(entry => entry.Key, entry => entry.Value.Ack!.Value);
        await Until(() => ends.All(end => Members(end.Key).All(client => client.In(end.Key) == end.Value)));
        await Until(() => ends.All(end => !_rooms.Contains(end.Key) || webhooks.In(end.Key) == end.Value));
        return ends;
    }

    private Publisher PublisherOf(string room) =>
        _publishers.Find(publisher => publisher.WritesTo(room) && publisher.Client.In(room) is not null)
            ?? _publishers.First(publisher => publisher.WritesTo(room));

    private IEnumerable<IMember> Members(string room) => _clients.Where(client => client.History.Rooms.Contains(room));

    private bool AreIn(string room) => Members(room).All(client => client.In(room) is not null);

    /// <summary>Waits for what many clients do, at most so long as everything may take to rest.</summary>
    private async Task Until(Func<bool> done)
    {
        var start = clock.Elapsed;
        while (!done() && clock.Elapsed - start < s_rest)
            await Task.Delay(20);
    }
}

/// <summary>What a run was, and what the checker says of it.</summary>
internal sealed record RunResult(
    RunHistory History, Verdict Verdict, IReadOnlyList<(TimeSpan At, Victim[] Victims)> Strikes, TimeSpan Length, IReadOnlyList<Silence> Silences)
{
    /// <summary>Requests to the receiver of webhooks, and events that came again.</summary>
    public (int Requests, int Repeats) Webhooks { get; init; }

    /// <summary>Of those by <c>Realtime.Client</c>; among those of the history.</summary>
    public IReadOnlyList<ClientHistory> Library { get; init; } = [];

    /// <summary>Of members behind server-sent events; among those of the history.</summary>
    public IReadOnlyList<ClientHistory> Streams { get; init; } = [];

    /// <summary>The same of them alone, since they come back as late as they are told to.</summary>
    public IReadOnlyList<Silence> StreamSilences { get; init; } = [];
}
