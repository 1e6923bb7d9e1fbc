using Realtime.PushStreams;

namespace Realtime.Silo.Webhooks;

/// <summary>Requests, and what becomes of them.</summary>
internal sealed partial class WebhookReceiver
{
    /// <summary>Waits a moment for more, and sends until nothing is left that could be.</summary>
    private async Task Pump(Task full)
    {
        try
        {
            if (options.BatchDelay > TimeSpan.Zero)
                await Task.WhenAny(full, Task.Delay(options.BatchDelay, time));
            while (true)
            {
                await _slots.WaitAsync();
                WebhookBatch? batch = null;
                try
                {
                    batch = TakeBatch();
                }
                finally
                {
                    if (batch is null)
                        _slots.Release();
                }
                if (batch is null)
                    return;
                _ = Task.Run(() => Send(batch));
            }
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogDefect(rule.Room, exception));
            lock (_gate)
                _isPumping = false;
        }
    }

    private WebhookBatch? TakeBatch()
    {
        lock (_gate)
        {
            var batch = new WebhookBatch();
            var (events, bytes) = (options.BatchEvents, options.BatchBytes);
            var oldest = time.GetUtcNow().ToUnixTimeMilliseconds() - (long)options.MaxAge.TotalMilliseconds;
            while (events > 0 && _ready.TryPeek(out var backlog))
            {
                if (backlog.Attempts > 0 && batch.Parts.Count > 0)
                    break; // it is tried alone
                if (!TryTake(backlog, batch, ref events, ref bytes, oldest))
                    break;
                _ready.Dequeue();
                if (batch.Attempt > 1)
                    break;
            }
            if (batch.Parts.Count == 0 && _ready.Count == 0)
            {
                (_isPumping, _full) = (false, null);
                return null;
            }
            return batch;
        }
    }

    /// <summary>Puts the first events of a room into the batch; false when it has no place for them.</summary>
    private bool TryTake(WebhookBacklog backlog, WebhookBatch batch, ref int events, ref int bytes, long oldest)
    {
        if (backlog.IsPaused)
        {
            backlog.State = BacklogState.Idle;
            return true;
        }
        var (count, size) = (backlog.Count, backlog.Bytes);
        if (backlog.Expire(oldest) is var expired and > 0)
        {
            Count(backlog.Count - count, backlog.Bytes - size);
            WebhookMetrics.Dropped(rule.Room, expired);
            SafeLog.Write(() => LogExpired(backlog.Room, rule.Room, expired));
        }
        if (backlog.Count == 0 && backlog.LostLast is not null)
            AddLost(backlog);
        if (backlog.IsEmpty)
        {
            backlog.State = BacklogState.Idle;
            _backlogs.Remove(backlog.Room);
            return true;
        }
        var hasLost = backlog.LostFirst is not null;
        if (backlog.LostFirst is { } lost)
            batch.Events.Add(WebhookEvents.Encode(backlog.Room, lost));
        var taken = backlog.Peek(batch.Events, events, ref bytes);
        if (taken == 0 && !hasLost)
            return false;
        events -= taken;
        batch.Attempt = Math.Max(batch.Attempt, backlog.Attempts + 1);
        batch.Parts.Add(new(backlog, taken, hasLost));
        backlog.State = BacklogState.Sending;
        return true;
    }

    private async Task Send(WebhookBatch batch)
    {
        var answer = new WebhookAnswer("failed", "a defect");
        try
        {
            if (batch.Parts.Count > 0)
            {
                answer = await _client.Post(batch.Encode(), batch.Attempt);
                WebhookMetrics.Request(rule.Room, answer.Outcome);
            }
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogDefect(rule.Room, exception));
        }
        _slots.Release();
        lock (_gate)
        {
            foreach (var part in batch.Parts)
                Guarded(() => End(part, answer));
            if (batch.Parts.Count > 0)
                Note(answer);
        }
    }

    private void End(in WebhookPart part, WebhookAnswer answer)
    {
        var (backlog, count, hasLost) = part;
        if (answer.IsAccepted && _backlogs.GetValueOrDefault(backlog.Room) == backlog)
        {
            var bytes = backlog.Bytes;
            if (backlog.LostFirst is { To: > 0 } lost && hasLost)
                cursors?.Accept(backlog.Room, lost.Epoch, Hash, lost.To);
            if (hasLost)
                backlog.LostFirst = null;
            backlog.Remove(count, (epoch, sequence) => cursors?.Accept(backlog.Room, epoch, Hash, sequence));
            backlog.Attempts = 0;
            Count(-count, backlog.Bytes - bytes);
            WebhookMetrics.Accepted(rule.Room, count);
        }
        backlog.State = BacklogState.Idle;
        backlog.Settled?.TrySetResult();
        backlog.Settled = null;
        if (!answer.IsAccepted)
            Delay(backlog, answer);
        else if (!backlog.IsEmpty)
            Wake(backlog);
        else if (!backlog.IsPaused)
            _backlogs.Remove(backlog.Room); // made again by the next event
    }

    private void Delay(WebhookBacklog backlog, in WebhookAnswer answer)
    {
        backlog.Attempts++;
        if (backlog.IsPaused)
            return;
        backlog.State = BacklogState.Waiting;
        var bound = options.RetryDelay * Math.Pow(2, Math.Min(backlog.Attempts - 1, 30));
        if (bound > options.MaxRetryDelay)
            bound = options.MaxRetryDelay;
        // At least half of it, and each room at a moment of its own.
        var delay = bound / 2 + Backoff.Part(bound / 2);
        if (answer.RetryAfter is { } asked && asked > delay)
            delay = asked < options.MaxRetryDelay ? asked : options.MaxRetryDelay;
        backlog.Timer = time.CreateTimer(_ => Guarded(() => Retry(backlog)), null, delay, Timeout.InfiniteTimeSpan);
    }

    private void Retry(WebhookBacklog backlog)
    {
        lock (_gate)
        {
            backlog.Timer?.Dispose();
            backlog.Timer = null;
            if (backlog.State != BacklogState.Waiting)
                return;
            backlog.State = BacklogState.Idle;
            Wake(backlog);
        }
    }

    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogDefect(rule.Room, exception));
        }
    }

    private void Note(WebhookAnswer answer)
    {
        if (_isDown == !answer.IsAccepted)
            return;
        _isDown = !answer.IsAccepted;
        if (_isDown)
            SafeLog.Write(() => LogDown(rule.Room, answer.Reason!));
        else
            SafeLog.Write(() => LogUp(rule.Room));
    }
}

/// <summary>What goes in one request.</summary>
internal sealed class WebhookBatch
{
    public List<WebhookPart> Parts { get; } = [];

    public List<WebhookEvent> Events { get; } = [];

    public int Attempt { get; set; } = 1;

    public byte[] Encode()
    {
        var body = new byte[Events.Sum(item => item.Json.Length + 1) + 1];
        var at = 0;
        foreach (var item in Events)
        {
            body[at] = at == 0 ? (byte)'[' : (byte)',';
            item.Json.CopyTo(body, at + 1);
            at += item.Json.Length + 1;
        }
        body[at] = (byte)']';
        return body;
    }
}

/// <summary>A room's part of a request: its first events, and before them those that were lost.</summary>
internal readonly record struct WebhookPart(WebhookBacklog Backlog, int Count, bool HasLost);
