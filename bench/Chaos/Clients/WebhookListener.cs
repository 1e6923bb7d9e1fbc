using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Clients;

/// <summary>
/// A receiver of webhooks, which refuses some requests. It writes down what it gets of rooms as a member does, so that it is checked as one: with
/// nobody to ask, it knows of what it lacks by <c>dropped</c> and by a new epoch alone.
/// </summary>
internal sealed class WebhookListener : IAsyncDisposable
{
    /// <summary>In the histories.</summary>
    public const string Name = "webhook";

    private const string Secret = "0123456789abcdef";

    /// <summary>Of the requests, refused whole; and as many whose answer says so although they are taken.</summary>
    private const double Refused = 0.03;

    private readonly WebApplication _app;
    private readonly Stopwatch _clock;
    private readonly Random _random;
    private readonly Lock _gate = new();
    private readonly List<HistoryEvent> _events = [];
    private readonly Dictionary<string, Stay> _stays = [];

    private WebhookListener(WebApplication app, Stopwatch clock, int seed) => (_app, _clock, _random) = (app, clock, new Random(seed));

    /// <summary>Whether a repeat that is not marked is a fault: it may be where a killed silo lives on in this process.</summary>
    public bool EveryRepeatIsMarked { get; set; }

    public int Requests { get; private set; }

    public int Repeats { get; private set; }

    /// <summary>What makes silos tell it of their rooms.</summary>
    public Dictionary<string, string?> Settings => new()
    {
        ["Webhooks:Receivers:0:Room"] = "room*",
        ["Webhooks:Receivers:0:Url"] = _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First(),
        ["Webhooks:Receivers:0:Secret"] = Secret,
        ["Webhooks:Receivers:0:Events:0"] = "message",
        ["Webhooks:MaxRetryDelay"] = "00:00:02",
    };

    public static async Task<WebhookListener> Start(Stopwatch clock, int seed)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var listener = new WebhookListener(app, clock, seed);
        listener._events.Add(new HistoryEvent(clock.Elapsed, EventKind.Connected));
        app.Run(listener.Receive);
        await app.StartAsync();
        return listener;
    }

    /// <summary>All that it was told of these rooms.</summary>
    public ClientHistory HistoryOf(string[] rooms)
    {
        lock (_gate)
            return new(Name, rooms, [.. _events.Where(item => item.Room is null || rooms.Contains(item.Room))]);
    }

    /// <summary>The last message of a room that it was told.</summary>
    public Position? In(string room)
    {
        lock (_gate)
            return _stays.TryGetValue(room, out var stay) ? stay.At : null;
    }

    private async Task Receive(HttpContext context)
    {
        using var body = await JsonDocument.ParseAsync(context.Request.Body);
        var isMarked = int.Parse(context.Request.Headers["Realtime-Attempt"].ToString(), CultureInfo.InvariantCulture) > 1;
        lock (_gate)
        {
            Requests++;
            var dice = _random.NextDouble();
            if (dice < 2 * Refused)
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            if (dice < Refused)
                return;
            foreach (var item in body.RootElement.EnumerateArray())
                Take(item, isMarked);
        }
    }

    private void Take(JsonElement item, bool isMarked)
    {
        var (room, epoch, order) = (item.GetProperty("room").GetString()!, item.GetProperty("epoch").GetString()!, item.GetProperty("order").GetInt64());
        var sequence = item.TryGetProperty("seq", out var seq) ? seq.GetInt64() : 0;
        if (!_stays.TryGetValue(room, out var stay))
        {
            _stays.Add(room, stay = new Stay(epoch));
            Write(EventKind.Joined, new(epoch, 0));
        }
        if (stay.At.Epoch != epoch)
        {
            if (!stay.Epochs.Add(epoch))
                return; // of a silo that was cut off: the room goes on elsewhere since
            (stay.At, stay.Order) = (new(epoch, 0), 0);
            Write(EventKind.Joined, stay.At, recovered: false);
        }
        if (order <= stay.Order || (sequence > 0 && sequence <= stay.At.Sequence))
        {
            Repeats++;
            Write(isMarked || !EveryRepeatIsMarked ? EventKind.Repeat : EventKind.Message, new(epoch, sequence));
            return;
        }
        stay.Order = order;
        if (sequence > 0)
        {
            stay.At = new(epoch, sequence);
            Write(EventKind.Message, stay.At);
        }
        else if (item.TryGetProperty("to", out var to))
        {
            stay.At = new(epoch, to.GetInt64());
            Write(EventKind.Joined, stay.At, recovered: false);
        }

        void Write(EventKind kind, Position at, bool? recovered = null) =>
            _events.Add(new HistoryEvent(_clock.Elapsed, kind, room, at, recovered, kind is EventKind.Message or EventKind.Repeat ? item.GetProperty("content").GetString() : null));
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>How far it is in a room.</summary>
    private sealed class Stay(string epoch)
    {
        public Position At { get; set; } = new(epoch, 0);

        public long Order { get; set; }

        public HashSet<string> Epochs { get; } = [epoch];
    }
}
