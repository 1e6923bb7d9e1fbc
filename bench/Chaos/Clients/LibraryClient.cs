using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Realtime.Chaos.Checking;
using Realtime.Client;
using Position = Realtime.Chaos.Checking.Position;

namespace Realtime.Chaos.Clients;

/// <summary>
/// A member of rooms by <c>Realtime.Client</c>, as an application has it, which writes down what it is handed out. Each of its TCP connections goes to another front
/// than the one before: of one without WebSockets what it posts too.
/// </summary>
/// <param name="name">Tells clients apart; its user too.</param>
/// <param name="hasWebSockets">Whether an upgrade passes.</param>
internal sealed class LibraryClient(string name, string[] rooms, bool hasWebSockets, Func<IReadOnlyList<Uri>> fronts, Stopwatch clock) : IPublishingMember
{
    /// <summary>How long a message is tried; within the time for which a room knows ids.</summary>
    private static readonly TimeSpan s_publishTimeout = TimeSpan.FromMinutes(4);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Stay> _stays = rooms.ToDictionary(room => room, _ => new Stay());
    private readonly Dictionary<string, Publish> _unanswered = [];

    public ClientHistory History { get; } = new(name, rooms, []);

    public string Name => name;

    public int Unanswered
    {
        get
        {
            lock (_gate)
                return _unanswered.Count;
        }
    }

    public Position? In(string room)
    {
        lock (_gate)
            return _stays[room] is { Room.IsJoined: true } stay ? stay.Position : null;
    }

    public void Publish(Publish publish)
    {
        lock (_gate)
            _unanswered.Add(publish.Id, publish);
        _ = PublishAsync(publish);
    }

    public void GiveUp(string why)
    {
        lock (_gate)
        {
            foreach (var publish in _unanswered.Values)
                publish.Failure = why;
            _unanswered.Clear();
        }
    }

    public async Task Run(CancellationToken stopping)
    {
        using var handler = new FrontHandler(new(fronts), hasWebSockets);
        await using var client = new RealtimeClient(new()
        {
            Address = new("ws://fronts.localhost/ws"),
            User = name,
            HttpHandlerFactory = () => handler,
            OpenTimeout = TimeSpan.FromSeconds(5), // the way is short here
            RetryMax = TimeSpan.FromSeconds(4), // a run lasts about a minute and is to see everybody come back
            PublishTimeout = s_publishTimeout,
        });
        await Task.WhenAll(rooms.Select(room => Hear(client, room, stopping)));
        lock (_gate)
        {
            if (rooms.Any(room => _stays[room].Room is not { IsJoined: true }))
                Write(new HistoryEvent(clock.Elapsed, EventKind.Lost, Content: "not back"));
        }
    }

    /// <summary>Is in the room until the end, whatever ends it meanwhile.</summary>
    private async Task Hear(RealtimeClient client, string room, CancellationToken stopping)
    {
        var stay = _stays[room];
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await client.ConnectAsync(stopping);
                var since = stay.Position is { } at ? new Realtime.Client.Position(at.Epoch, at.Sequence) : (Realtime.Client.Position?)null;
                var joined = await client.JoinAsync(room, new() { Since = since }, stopping);
                lock (_gate)
                    stay.Room = joined;
                await foreach (var its in joined.EventsAsync(stopping))
                {
                    lock (_gate)
                        Received(room, stay, its);
                }
            }
            catch (OperationCanceledException)
            {
                return; // the run is over
            }
            catch (RealtimeException exception)
            {
                lock (_gate)
                    Write(new HistoryEvent(clock.Elapsed, EventKind.Refused, room, Content: $"{exception.Code}: {exception.Message}"));
                await Task.Delay(BackOff.Next(0), stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Received(string room, Stay stay, RoomEvent its)
    {
        switch (its)
        {
            case RoomJoined joined:
                // The client does not say in the room's order when its connection was lost: at the latest before it was back.
                if (stay.WasIn)
                    Write(new HistoryEvent(clock.Elapsed, EventKind.Lost, room, Content: "before a join"));
                Write(new HistoryEvent(clock.Elapsed, EventKind.Connected, room));
                stay.WasIn = true;
                // Of one that is not recovered a loss follows, which says where the room goes on.
                if (joined.Recovered != false)
                    Write(new HistoryEvent(clock.Elapsed, EventKind.Joined, room, At(joined.Position), joined.Recovered));
                if (joined.Recovered is null)
                    stay.Position = At(joined.Position);
                break;
            case RoomMissed { Presence: false } missed:
                stay.Position = At(missed.Position);
                Write(new HistoryEvent(clock.Elapsed, EventKind.Joined, room, At(missed.Position), false, $"{missed.Reason}"));
                break;
            case RoomMessage message:
                stay.Position = At(message.Position);
                Write(new HistoryEvent(clock.Elapsed, EventKind.Message, room, At(message.Position), Content: message.Content));
                break;
        }
    }

    private async Task PublishAsync(Publish publish)
    {
        Position? ack = null;
        var failure = "not in the room";
        try
        {
            publish.Tries = 1; // what the library sends again it does not tell
            if (_stays[publish.Room].Room is { } room)
                ack = At(await room.PublishAsync(publish.Id, new() { Id = publish.Id }));
        }
        catch (Exception exception) when (exception is RealtimeException or ArgumentException or ObjectDisposedException)
        {
            failure = exception.Message;
        }
        lock (_gate)
        {
            if (!_unanswered.Remove(publish.Id))
                return;
            (publish.AnsweredAt, publish.Ack, publish.Failure) = (clock.Elapsed, ack, ack is null ? failure : null);
        }
    }

    private static Position At(Realtime.Client.Position position) => new(position.Epoch, position.Sequence);

    private void Write(HistoryEvent item) => History.Events.Add(item);

    private sealed class Stay
    {
        public RealtimeRoom? Room { get; set; }

        /// <summary>Of the last message that was handed out, or of the join.</summary>
        public Position? Position { get; set; }

        public bool WasIn { get; set; }
    }

    /// <summary>Connects to the fronts in turn; and stands, where it is to, for something on the way that refuses upgrades.</summary>
    private sealed class FrontHandler : DelegatingHandler
    {
        private readonly bool _hasWebSockets;

        public FrontHandler(FrontChoice fronts, bool hasWebSockets)
        {
            _hasWebSockets = hasWebSockets;
            var gate = new Lock();
            InnerHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                UseCookies = false,
                ConnectCallback = async (_, cancellation) =>
                {
                    Uri front;
                    lock (gate)
                        front = fronts.Next();
                    var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                    try
                    {
                        await socket.ConnectAsync(front.Host, front.Port, cancellation);
                        return new NetworkStream(socket, ownsSocket: true);
                    }
                    catch
                    {
                        socket.Dispose();
                        throw;
                    }
                },
            };
        }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            _hasWebSockets || !request.RequestUri!.AbsolutePath.EndsWith("/ws", StringComparison.Ordinal)
                ? base.SendAsync(request, cancellationToken)
                : Task.FromResult(new HttpResponseMessage(HttpStatusCode.BadRequest));
    }
}
