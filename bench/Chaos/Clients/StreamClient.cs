using System.Diagnostics;
using System.Net;
using System.Net.ServerSentEvents;
using System.Text;
using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Clients;

/// <summary>
/// A member of one room, or a device with its user's inbox, behind server-sent events, which does what a browser's <c>EventSource</c> does: it comes back with the id of the
/// last event, after the time that the server has said, and mends nothing. Other than a browser it comes back after a refusal too.
/// </summary>
/// <param name="name">Tells clients apart; in a room its user too.</param>
/// <param name="room">What it hears: a room, or the inbox of the user.</param>
internal sealed class StreamClient(string name, string room, Func<IReadOnlyList<Uri>> fronts, Stopwatch clock) : IMember
{
    private readonly string? _inboxOf = Inbox.UserOf(room);
    /// <summary>How long the first event may take: it comes when the room has answered, whose silo may just have died.</summary>
    private static readonly TimeSpan s_openTimeout = TimeSpan.FromSeconds(15);

    /// <summary>A stream that lived this long was a good one: the next loss starts the back-off afresh.</summary>
    private static readonly TimeSpan s_stableAfter = TimeSpan.FromSeconds(5);

    private static readonly HttpClient s_http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(5) })
    {
        Timeout = Timeout.InfiniteTimeSpan, // streams have no end
    };

    private readonly Lock _gate = new();
    private readonly FrontChoice _fronts = new(fronts);
    private Position? _position; // of the last message that was handed out, or of the join
    private bool _isJoined;
    private string _lastEventId = "";
    private TimeSpan? _retry; // as the server has said it last
    private TimeSpan _retryAfter; // of the last refusal

    public ClientHistory History { get; } = new(name, [room], []);

    public Position? In(string room)
    {
        lock (_gate)
            return _isJoined ? _position : null;
    }

    public async Task Run(CancellationToken stopping)
    {
        var attempt = 0;
        while (!stopping.IsCancellationRequested)
        {
            var opened = clock.Elapsed;
            _retryAfter = default;
            var outcome = await Connect(stopping);
            if (outcome == Outcome.Over)
                return;
            if (outcome == Outcome.Lost && clock.Elapsed - opened >= s_stableAfter)
                attempt = 0;
            // The server spreads its times over the clients: only who fails again waits for longer.
            var pause = _retry is { } retry ? retry + (attempt > 0 ? BackOff.Next(attempt - 1) : default) : BackOff.Next(attempt);
            attempt++;
            await Task.Delay(pause > _retryAfter ? pause : _retryAfter, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private enum Outcome
    {
        NotOpened,
        Lost,
        Over,
    }

    /// <summary>One stream from its request to its end.</summary>
    private async Task<Outcome> Connect(CancellationToken stopping)
    {
        var address = new UriBuilder(_fronts.Next()) { Scheme = Uri.UriSchemeHttp, Path = _inboxOf is null ? $"/api/rooms/{room}/events" : "/api/inbox/events", Query = $"user={_inboxOf ?? name}" }.Uri;
        using var request = new HttpRequestMessage(HttpMethod.Get, address) { Headers = { { "Accept", "text/event-stream" } } };
        if (_lastEventId.Length > 0)
            request.Headers.Add("Last-Event-ID", _lastEventId);
        HttpResponseMessage response;
        using (var bound = CancellationTokenSource.CreateLinkedTokenSource(stopping))
        {
            bound.CancelAfter(s_openTimeout);
            try
            {
                response = await s_http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, bound.Token);
            }
            catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
            {
                Write(new HistoryEvent(clock.Elapsed, EventKind.Refused, room, Content: exception.Message));
                return Outcome.NotOpened;
            }
        }
        using (response)
        {
            if (response.StatusCode != HttpStatusCode.OK)
            {
                _retryAfter = response.Headers.RetryAfter?.Delta ?? default;
                Write(new HistoryEvent(clock.Elapsed, EventKind.Refused, room, Content: $"{(int)response.StatusCode}"));
                return response.StatusCode == HttpStatusCode.NoContent ? Outcome.Over : Outcome.NotOpened;
            }
            Write(new HistoryEvent(clock.Elapsed, EventKind.Connected));
            var why = await Receive(response, stopping);
            lock (_gate)
                _isJoined = false;
            if (!stopping.IsCancellationRequested) // the end of the run is no loss
                Write(new HistoryEvent(clock.Elapsed, EventKind.Lost, Content: why));
            return Outcome.Lost;
        }
    }

    private async Task<string> Receive(HttpResponseMessage response, CancellationToken stopping)
    {
        var why = "ended";
        SseParser<ServerFrame>? events = null;
        try
        {
            events = SseParser.Create(await response.Content.ReadAsStreamAsync(stopping), Parse);
            await foreach (var item in events.EnumerateAsync(stopping))
            {
                // Of whole events only: the id of one that was cut off in the middle has been read too.
                _lastEventId = events.LastEventId;
                if (item.EventType == "closed")
                    why = $"closed: {item.Data.Content}";
                else
                    Received(item.EventType, item.Data);
            }
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or OperationCanceledException)
        {
            why = exception.Message;
        }
        if (events?.ReconnectionInterval is { } retry && retry != Timeout.InfiniteTimeSpan)
            _retry = retry;
        return why;
    }

    /// <summary>Only <c>closed</c> has no frame.</summary>
    private static ServerFrame Parse(string type, ReadOnlySpan<byte> data) =>
        type == "closed" ? new ServerFrame { Type = type, Content = Encoding.UTF8.GetString(data) } : ServerFrame.Parse(data);

    private void Received(string type, ServerFrame frame)
    {
        switch (type)
        {
            case "joined" or "inbox":
                Write(new HistoryEvent(clock.Elapsed, EventKind.Joined, room, frame.At, frame.Recovered));
                lock (_gate)
                {
                    _isJoined = true;
                    // When recovered, the position moves with the missed messages.
                    if (frame.Recovered != true || _position is null)
                        _position = frame.At;
                }
                break;
            case "message" when _inboxOf is null ? frame.Room == room : frame.To == _inboxOf && frame.At.Epoch.Length > 0:
                var isRepeat = _position is { } before && before.Epoch == frame.At.Epoch && frame.At.Sequence <= before.Sequence;
                Write(new HistoryEvent(clock.Elapsed, isRepeat ? EventKind.Repeat : EventKind.Message, room, frame.At, Content: frame.Content));
                if (!isRepeat)
                {
                    lock (_gate)
                        _position = frame.At;
                }
                break;
            case "error":
                Write(new HistoryEvent(clock.Elapsed, EventKind.Refused, room, Content: $"{frame.Code}: {frame.Content}"));
                break;
        }
    }

    private void Write(HistoryEvent item) => History.Events.Add(item);
}
