using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Realtime.Silo.Hooks;
using Realtime.Silo.Logs;

namespace Realtime.Silo.Webhooks;

/// <summary>The receivers of webhooks. One for a silo, for any thread.</summary>
internal sealed class WebhookService : IDisposable
{
    private readonly WebhookReceiver[] _receivers;

    private readonly WebhookCatchUp? _cursors;

    public WebhookService(IOptions<WebhookOptions> options, TimeProvider time, ILogger<WebhookReceiver> logger, WebhookCatchUp? cursors = null)
    {
        var total = new WebhookTotal();
        _cursors = cursors;
        _receivers = [.. options.Value.Receivers.Select(rule => new WebhookReceiver(rule, options.Value, total, cursors, time, logger))];
    }

    /// <summary>The silo is in the cluster: rooms of which a receiver lacks something are looked for.</summary>
    public void Begin() => _cursors?.Begin([.. _receivers.Where(receiver => receiver.Wants(WebhookEvents.Message)).Select(receiver => receiver.Hash)]);

    /// <summary>How many rooms have something that waits, for each receiver.</summary>
    public int[] Waiting => [.. _receivers.Select(receiver => receiver.Rooms)];

    /// <summary>What a room tells its receivers by; null when it has none.</summary>
    public RoomWebhooks? For(string room)
    {
        WebhookReceiver[] found = [.. _receivers.Where(receiver => receiver.Matches(room))];
        return found.Length == 0 ? null : new RoomWebhooks(room, found, _cursors?.Cursors);
    }

    public void Dispose()
    {
        foreach (var receiver in _receivers)
            receiver.Dispose();
    }
}

/// <summary>The webhooks of one room.</summary>
internal sealed class RoomWebhooks(string room, WebhookReceiver[] receivers, IWebhookCursors? cursors)
{
    private readonly WebhookReceiver[] _ofMessages = [.. receivers.Where(receiver => receiver.Wants(WebhookEvents.Message))];

    public bool HasWaiting => Array.Exists(receivers, receiver => receiver.HasWaiting(room));

    /// <summary>The room is here, with what it has brought along.</summary>
    public void Open(WebhookState[] states)
    {
        foreach (var receiver in receivers)
            receiver.Open(room, Array.Find(states, state => state.Receiver == receiver.Key));
    }

    public void Add(ReadOnlySpan<RoomFact> facts)
    {
        var events = new WebhookEvent[facts.Length];
        var wanted = new List<WebhookEvent>(facts.Length);
        foreach (var receiver in receivers)
        {
            wanted.Clear();
            for (var i = 0; i < facts.Length; i++)
            {
                if (!receiver.Wants(WebhookEvents.TypeOf(facts[i].Kind)))
                    continue;
                if (events[i].Json is null)
                    events[i] = WebhookEvents.Encode(room, facts[i]);
                wanted.Add(events[i]);
            }
            if (wanted.Count > 0)
                receiver.Add(room, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(wanted));
        }
    }

    /// <summary>Begins no more requests, and waits for those that are under way, or for so long.</summary>
    public Task Pause(TimeSpan bound) => Task.WhenAny(Task.WhenAll(receivers.Select(receiver => receiver.Pause(room))), Task.Delay(bound));

    /// <summary>How far each receiver of messages is, in the log that has just been opened; null when the log does not know.</summary>
    /// <exception cref="LogException">It cannot be read now.</exception>
    public async ValueTask<long[]?> FindCursors(OpenedLog opened, string user) =>
        cursors is null || _ofMessages.Length == 0 ? null : await cursors.Open(opened.Log.Mark.Room, [.. _ofMessages.Select(receiver => receiver.Hash)], opened.Sequence, user);

    /// <summary>Sends what the log has and receivers have not accepted, before anything newer.</summary>
    /// <param name="opened">The log.</param>
    /// <param name="reached">What <see cref="FindCursors"/> has found.</param>
    /// <param name="known">Up to this sequence the room has given its messages already.</param>
    /// <param name="facts">Of the room; numbers the messages.</param>
    /// <param name="now">Unix milliseconds.</param>
    public void CatchUp(OpenedLog opened, long[] reached, long known, RoomFacts facts, long now)
    {
        var first = Math.Max(known, reached.Min());
        var lost = new RoomFact(RoomFactKind.Message, opened.Epoch, facts.Next(), now); // its number, should it be needed
        RoomFact[] missing = [.. opened.Messages.Where(message => message.Sequence > first)
            .Select(message => new RoomFact(RoomFactKind.Message, opened.Epoch, facts.Next(), message.Timestamp, message))];
        for (var i = 0; i < _ofMessages.Length; i++)
        {
            var from = Math.Max(known, reached[i]);
            var has = opened.Messages.Length > 0 ? opened.Messages[0].Sequence : opened.Sequence + 1;
            if (from + 1 < has)
                _ofMessages[i].Lose(room, new LostEvents(opened.Epoch, lost.Order, has - 1 - from, from + 1, has - 1, now));
            WebhookEvent[] events = [.. missing.Where(fact => fact.Message!.Sequence > from).Select(fact => WebhookEvents.Encode(room, fact))];
            if (events.Length > 0)
                _ofMessages[i].Add(room, events, isRepeat: true);
        }
    }

    /// <summary>Waits until nothing waits any more, or for so long: the silo stops, and there is no other that could take it over.</summary>
    public async Task Drain(TimeSpan bound)
    {
        for (var end = Environment.TickCount64 + bound.TotalMilliseconds; HasWaiting && Environment.TickCount64 < end;)
            await Task.Delay(20);
    }

    /// <summary>The room leaves the silo: what goes along.</summary>
    public WebhookState[] Close() => [.. receivers.Select(receiver => receiver.Close(room)).OfType<WebhookState>()];
}
