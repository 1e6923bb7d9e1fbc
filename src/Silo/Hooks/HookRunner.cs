using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Realtime.PushStreams;

namespace Realtime.Silo.Hooks;

/// <summary>
/// Calls hooks, on the thread pool and not in a room's turn: one that blocks costs a thread, and its caller waits no longer than the hook's time.
/// </summary>
internal sealed partial class HookRunner(IEnumerable<RoomHook> hooks, IOptions<HookOptions> options, TimeProvider time, ILogger<HookRunner> logger)
{
    private static readonly RefusedReply s_failed = new(RoomException.Unavailable, "A hook of the application failed; the message is not kept. Try again, with the same id.");
    private static readonly RefusedReply s_late = new(RoomException.Unavailable, "A hook of the application did not answer in time; the message is not kept. Try again, with the same id.");
    private static readonly RefusedReply s_busy = new(RoomException.Unavailable, "Hooks of the application are busy; the message is not kept. Try again, with the same id.");

    private readonly RoomHook[] _hooks = [.. hooks];
    private int _running;

    public HookOptions Options { get; } = options.Value;

    /// <summary>Those for the room; null when there are none.</summary>
    public IRoomHook[]? For(string room)
    {
        IRoomHook[] found = [.. _hooks.Where(hook => hook.Rooms.Matches(room)).Select(hook => hook.Hook)];
        return found.Length == 0 ? null : found;
    }

    /// <summary>What becomes of a message. Never fails.</summary>
    /// <param name="asked">The hooks, in turn.</param>
    /// <param name="publish">The message.</param>
    /// <param name="bound">Of what it is replaced by: <see cref="Rooms.RoomOptions.MaxContentBytes"/>.</param>
    public async Task<Judgement> Judge(IRoomHook[] asked, RoomPublish publish, int bound)
    {
        var judgement = default(Judgement);
        var end = await Run(publish.Room, Options.PublishTimeout, async over => judgement = await Ask(asked, publish, bound, over));
        return end switch
        {
            null => judgement,
            HookMetrics.Late => new(s_late, null),
            HookMetrics.Busy => new(s_busy, null),
            _ => new(s_failed, null),
        };
    }

    /// <summary>Tells a hook something. Never fails.</summary>
    public Task Tell(string room, Func<CancellationToken, ValueTask> tell) => Run(room, Options.EventTimeout, async over => await tell(over));

    private static async Task<Judgement> Ask(IRoomHook[] asked, RoomPublish publish, int bound, CancellationToken over)
    {
        byte[]? body = null;
        foreach (var hook in asked)
        {
            var decision = await hook.Publishing(publish, over) ?? throw new InvalidOperationException("A hook must answer with a decision, not null.");
            if (decision.Refusal is { } refused)
                return new(refused, null);
            if (decision.Replacement is not { } message)
                continue;
            if (publish.Kind is FrontEventKind.Text or FrontEventKind.Binary)
                throw new InvalidOperationException($"A {publish.Kind} frame cannot be replaced by a message.");
            if (publish.IsDeleted)
                throw new InvalidOperationException("A message that deletes a key cannot be replaced.");
            body = MessageBody.Encode(new RoomMessage { Content = message.Content, Data = message.Data }, bound);
            publish = publish with { Body = body }; // the next hook reads it anew
        }
        return new(null, body);
    }

    /// <summary>Null when the call has ended well, else why not.</summary>
    private async Task<string?> Run(string room, TimeSpan timeout, Func<CancellationToken, Task> call)
    {
        if (Interlocked.Increment(ref _running) > Options.MaxRunning)
        {
            Interlocked.Decrement(ref _running);
            HookMetrics.Count(HookMetrics.Busy);
            return HookMetrics.Busy;
        }
        var over = new CancellationTokenSource();
        var work = Task.Run(() => Guarded(room, call, over));
        try
        {
            return await work.WaitAsync(timeout, time);
        }
        catch (TimeoutException)
        {
            HookMetrics.Count(HookMetrics.Late);
            SafeLog.Write(() => LogLate(room, timeout));
            _ = Task.Run(() => Cancel(room, over));
            return HookMetrics.Late;
        }
    }

    private async Task<string?> Guarded(string room, Func<CancellationToken, Task> call, CancellationTokenSource over)
    {
        try
        {
            await call(over.Token);
            return null;
        }
        catch (Exception exception)
        {
            if (!over.IsCancellationRequested) // else it is counted as late
            {
                HookMetrics.Count(HookMetrics.Failed);
                SafeLog.Write(() => LogFailed(room, exception));
            }
            return HookMetrics.Failed;
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    // What the application has registered at the token runs here, and may throw or block.
    private void Cancel(string room, CancellationTokenSource over)
    {
        try
        {
            over.Cancel();
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(room, exception));
        }
    }

    [LoggerMessage(1, LogLevel.Error, "A hook of room {Room} failed.")]
    private partial void LogFailed(string room, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "A hook of room {Room} has not ended after {Timeout}.")]
    private partial void LogLate(string room, TimeSpan timeout);
}

/// <summary>What hooks make of a message.</summary>
/// <param name="Refusal">It is not kept.</param>
/// <param name="Body">It is kept with this body; null for its own.</param>
internal readonly record struct Judgement(RefusedReply? Refusal, byte[]? Body);
