using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Realtime.Silo.Hooks;

namespace Realtime.Silo.Webhooks;

/// <summary>The receivers of webhooks. One for a silo, for any thread.</summary>
internal sealed class WebhookService : IDisposable
{
    private readonly WebhookReceiver[] _receivers;

    public WebhookService(IOptions<WebhookOptions> options, TimeProvider time, ILogger<WebhookReceiver> logger)
    {
        var total = new WebhookTotal();
        _receivers = [.. options.Value.Receivers.Select(rule => new WebhookReceiver(rule, options.Value, total, time, logger))];
    }

    /// <summary>What a room tells its receivers by; null when it has none.</summary>
    public RoomWebhooks? For(string room)
    {
        WebhookReceiver[] found = [.. _receivers.Where(receiver => receiver.Matches(room))];
        return found.Length == 0 ? null : new RoomWebhooks(room, found);
    }

    public void Dispose()
    {
        foreach (var receiver in _receivers)
            receiver.Dispose();
    }
}

/// <summary>The webhooks of one room.</summary>
internal sealed class RoomWebhooks(string room, WebhookReceiver[] receivers)
{
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

    /// <summary>Waits until nothing waits any more, or for so long: the silo stops, and there is no other that could take it over.</summary>
    public async Task Drain(TimeSpan bound)
    {
        for (var end = Environment.TickCount64 + bound.TotalMilliseconds; HasWaiting && Environment.TickCount64 < end;)
            await Task.Delay(20);
    }

    /// <summary>The room leaves the silo: what goes along.</summary>
    public WebhookState[] Close() => [.. receivers.Select(receiver => receiver.Close(room)).OfType<WebhookState>()];
}
