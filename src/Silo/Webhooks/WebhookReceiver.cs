using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Realtime.PushStreams;

namespace Realtime.Silo.Webhooks;

/// <summary>
/// Tells one receiver of all rooms of the silo. A request has events of many rooms; a room is in one request at a time, so its order holds. Rooms
/// of a request that failed are tried again each for itself, so that what the receiver does not take of one keeps no other from it.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle has nothing to dispose of; requests may end after the receiver.")]
internal sealed partial class WebhookReceiver(WebhookRule rule, WebhookOptions options, WebhookTotal total, WebhookCatchUp? cursors, TimeProvider time, ILogger logger) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, WebhookBacklog> _backlogs = [];
    private readonly Queue<WebhookBacklog> _ready = new();
    private readonly SemaphoreSlim _slots = new(options.Concurrency);
    private readonly WebhookClient _client = new(rule, options, time);
    private TaskCompletionSource? _full; // while the pump waits for more; completed when it need not
    private bool _isPumping;
    private bool _isDown; // the last request was not accepted, and the log says so

    public string Key => rule.Key;

    public bool Matches(string room) => rule.Matches(room);

    public bool Wants(string type) => rule.Wants(type);

    /// <summary>How many rooms have something that waits.</summary>
    public int Rooms
    {
        get
        {
            lock (_gate)
                return _backlogs.Count;
        }
    }

    /// <summary>Its name in a database.</summary>
    public string Hash { get; } = rule.Hash;

    /// <summary>The room is on this silo. What waits of it since it was here before still does.</summary>
    /// <param name="room">Its name.</param>
    /// <param name="state">What it has brought along.</param>
    public void Open(string room, WebhookState? state)
    {
        lock (_gate)
        {
            if (state is null && !_backlogs.ContainsKey(room))
                return; // most rooms have nothing that waits
            var backlog = Find(room);
            backlog.IsPaused = false;
            var (count, bytes) = (backlog.Count, backlog.Bytes);
            if (state is not null)
                backlog.Load(state);
            Count(backlog.Count - count, backlog.Bytes - bytes);
            Wake(backlog);
        }
    }

    /// <summary>Events of a room, in order.</summary>
    /// <param name="room">Its name.</param>
    /// <param name="events">The events.</param>
    /// <param name="isRepeat">They may have been sent before.</param>
    public void Add(string room, ReadOnlySpan<WebhookEvent> events, bool isRepeat = false)
    {
        lock (_gate)
        {
            var backlog = Find(room);
            foreach (var item in events)
                Add(backlog, item);
            if (isRepeat)
                backlog.Attempts = Math.Max(1, backlog.Attempts);
            if (backlog.Count >= options.BatchEvents || backlog.Bytes >= options.BatchBytes)
                _full?.TrySetResult();
            Wake(backlog);
        }
    }

    /// <summary>Messages that nobody can give the receiver any more, before all that waits.</summary>
    public void Lose(string room, in LostEvents lost)
    {
        WebhookMetrics.Dropped(rule.Room, lost.Events);
        lock (_gate)
        {
            var backlog = Find(room);
            backlog.LostFirst = lost;
            Wake(backlog);
        }
    }

    public bool HasWaiting(string room)
    {
        lock (_gate)
            return _backlogs.TryGetValue(room, out var backlog) && !backlog.IsEmpty;
    }

    /// <summary>Begins no more requests for the room; completes when none is under way.</summary>
    public Task Pause(string room)
    {
        lock (_gate)
        {
            if (!_backlogs.TryGetValue(room, out var backlog))
                return Task.CompletedTask;
            backlog.IsPaused = true;
            if (backlog.State != BacklogState.Sending)
                return Task.CompletedTask;
            backlog.Settled ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return backlog.Settled.Task;
        }
    }

    /// <summary>The room goes away with what it gets here; a request that is still under way counts as made and not as accepted.</summary>
    public WebhookState? Close(string room)
    {
        lock (_gate)
        {
            if (!_backlogs.Remove(room, out var backlog))
                return null;
            Count(-backlog.Count, -backlog.Bytes);
            backlog.Timer?.Dispose();
            backlog.IsPaused = true;
            return backlog.IsEmpty ? null : backlog.Save(Key);
        }
    }

    public void Dispose() => _client.Dispose();

    private WebhookBacklog Find(string room)
    {
        if (!_backlogs.TryGetValue(room, out var backlog))
            _backlogs.Add(room, backlog = new WebhookBacklog(room));
        return backlog;
    }

    private void Add(WebhookBacklog backlog, in WebhookEvent item)
    {
        // What was lost before it gets its place first; of another epoch in any case.
        if (backlog.LostLast is { } lost && (lost.Epoch != item.Epoch || HasPlace(backlog, item)))
            AddLost(backlog);
        if (!HasPlace(backlog, item))
        {
            if (backlog.LostLast is null)
                SafeLog.Write(() => LogFull(backlog.Room, rule.Room));
            backlog.Lose(item);
            WebhookMetrics.Dropped(rule.Room, 1);
            return;
        }
        backlog.Add(item);
        Count(1, item.Bytes);
    }

    private bool HasPlace(WebhookBacklog backlog, in WebhookEvent item) => total.Bytes + item.Bytes <= options.TotalBacklogBytes
        && (backlog.Count == 0 || (backlog.Count < options.BacklogEvents && backlog.Bytes + item.Bytes <= options.BacklogBytes));

    private void AddLost(WebhookBacklog backlog)
    {
        var bytes = backlog.Bytes;
        backlog.AddLost();
        Count(1, backlog.Bytes - bytes);
    }

    private void Count(long events, long bytes)
    {
        total.Add(bytes);
        if (events != 0)
            WebhookMetrics.Waiting(rule.Room, events, bytes);
    }

    private void Wake(WebhookBacklog backlog)
    {
        if (backlog.State != BacklogState.Idle || backlog.IsPaused)
            return;
        if (backlog.IsEmpty)
            return;
        backlog.State = BacklogState.Ready;
        _ready.Enqueue(backlog);
        if (_isPumping)
            return;
        _isPumping = true;
        _full = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (backlog.Count >= options.BatchEvents || backlog.Bytes >= options.BatchBytes)
            _full.TrySetResult();
        var full = _full.Task;
        _ = Task.Run(() => Pump(full));
    }

    [LoggerMessage(1, LogLevel.Warning, "The webhook receiver of rooms {Rooms} does not accept events: {Reason}. They wait, and are sent again.")]
    private partial void LogDown(string rooms, string reason);

    [LoggerMessage(2, LogLevel.Information, "The webhook receiver of rooms {Rooms} accepts events again.")]
    private partial void LogUp(string rooms);

    [LoggerMessage(3, LogLevel.Warning, "So many events of room {Room} wait for the webhook receiver of rooms {Rooms} that more are dropped; it will be told.")]
    private partial void LogFull(string room, string rooms);

    [LoggerMessage(4, LogLevel.Warning, "Events of room {Room} for the webhook receiver of rooms {Rooms} were not accepted within Webhooks:MaxAge: {Events} are dropped; it will be told.")]
    private partial void LogExpired(string room, string rooms, int events);

    [LoggerMessage(5, LogLevel.Error, "Events for the webhook receiver of rooms {Rooms} failed as they should not.")]
    private partial void LogDefect(string rooms, Exception exception);
}

/// <summary>What waits for all receivers of a silo.</summary>
internal sealed class WebhookTotal
{
    private long _bytes;

    public long Bytes => Volatile.Read(ref _bytes);

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);
}
