using Microsoft.Extensions.Logging;
using Realtime.PushStreams;

namespace Realtime.Silo.Hooks;

/// <summary>Tells the hooks of a room what has happened in it, one fact after the other, at their pace and up to the bounds.</summary>
internal sealed partial class HookQueue(string room, IRoomHook[] hooks, HookRunner runner, ILogger logger)
{
    private readonly Lock _gate = new();
    private readonly Queue<RoomFact> _waiting = new();
    private long _bytes;
    private bool _isFull;
    private Task _telling = Task.CompletedTask;

    public void Add(ReadOnlySpan<RoomFact> facts)
    {
        lock (_gate)
        {
            foreach (var fact in facts)
            {
                if (fact.IsOfLoss)
                    continue; // hooks are told once
                var bytes = fact.Message?.Body.Length ?? 0;
                if (_waiting.Count >= runner.Options.QueueEvents || (_bytes + bytes > runner.Options.QueueBytes && _waiting.Count > 0))
                {
                    Drop();
                    continue;
                }
                _waiting.Enqueue(fact);
                _bytes += bytes;
            }
            if (_waiting.Count > 0 && _telling.IsCompleted)
                _telling = Task.Run(TellAll);
        }
    }

    /// <summary>Waits until all is told, or for so long.</summary>
    public async Task Drain(TimeSpan bound)
    {
        Task telling;
        lock (_gate)
            telling = _telling;
        await Task.WhenAny(telling, Task.Delay(bound));
    }

    private void Drop()
    {
        HookMetrics.Count(HookMetrics.Dropped);
        if (!_isFull)
            SafeLog.Write(() => LogFull(logger, room, _waiting.Count));
        _isFull = true;
    }

    private async Task TellAll()
    {
        while (true)
        {
            RoomFact fact;
            lock (_gate)
            {
                if (!_waiting.TryDequeue(out fact))
                {
                    _telling = Task.CompletedTask; // before it ends: what comes now is for the next
                    _isFull = false;
                    return;
                }
                _bytes -= fact.Message?.Body.Length ?? 0;
            }
            foreach (var hook in hooks)
                await runner.Tell(room, over => Tell(hook, fact, over));
        }
    }

    private ValueTask Tell(IRoomHook hook, in RoomFact fact, CancellationToken over) => fact switch
    {
        { Message: { } message } => hook.Published(Publish(message, fact.Id), new Receipt(message.Epoch!, message.Sequence, message.Timestamp), over),
        { Kind: RoomFactKind.Joined } => hook.Joined(room, fact.User!, over),
        { Kind: RoomFactKind.Left } => hook.Left(room, fact.User!, over),
        { Kind: RoomFactKind.Occupied } => hook.Occupied(room, over),
        _ => hook.Vacated(room, over),
    };

    private static RoomPublish Publish(FrontEvent message, string? id) => new()
    {
        Room = message.Target,
        Kind = message.Kind,
        From = message.From,
        IsService = message.IsService,
        Id = id,
        Body = message.Body,
    };

    [LoggerMessage(1, LogLevel.Warning, "Hooks of room {Room} are behind by {Events} events; what comes is not told to them.")]
    private static partial void LogFull(ILogger logger, string room, int events);
}
