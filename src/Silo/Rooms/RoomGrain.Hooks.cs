using Microsoft.Extensions.DependencyInjection;
using Realtime.Silo.Hooks;
using Realtime.Silo.Logs;
using Realtime.Silo.Webhooks;

namespace Realtime.Silo.Rooms;

/// <summary>What hooks are asked, and hooks and webhooks are told. Without any for the room, there is nothing of it.</summary>
internal sealed partial class RoomGrain
{
    /// <summary>How long a room that leaves the silo waits until its hooks have been told what has happened.</summary>
    private static readonly TimeSpan s_hookDrain = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan s_backlogCheck = TimeSpan.FromSeconds(5);

    private IRoomHook[]? _hooks;
    private RoomWebhooks? _webhooks;
    private IGrainTimer? _backlogTimer;
    private HookRunner? _hookRunner;
    private HookQueue? _hookQueue;
    private IGrainTimer? _vacateTimer;

    private void FindHooks()
    {
        if (_owner is not null)
            return;
        var name = this.GetPrimaryKeyString();
        var runner = ServiceProvider.GetRequiredService<HookRunner>();
        if (runner.For(name) is { } hooks)
        {
            (_hooks, _hookRunner) = (hooks, runner);
            _hookQueue = new HookQueue(name, hooks, runner, Logger);
        }
        _webhooks = ServiceProvider.GetRequiredService<WebhookService>().For(name);
        _webhooks?.Open(_migrated?.Webhooks ?? []);
        if (_hooks is not null || _webhooks is not null)
            _room.Facts = new RoomFacts();
    }

    /// <summary>Applies the commands of a front, those that publish as hooks want it.</summary>
    private async ValueTask Apply(string front, RoomCommand[] commands, RoomReply[] replies)
    {
        if (_hooks is null || !Array.Exists(commands, command => command is PublishCommand))
        {
            for (var i = 0; i < commands.Length; i++)
                replies[i] = _room.Apply(front, commands[i]);
            return;
        }
        // First all answers: nothing may be pending while the turn waits.
        var judgements = await Judge([.. commands.Select(command => command is PublishCommand publish && _room.Problem(publish) is null
            ? PublishOf(publish.IsEphemeral ? FrontEventKind.Ephemeral : FrontEventKind.Message, publish.User, publish.Id, publish.Body, isService: false, publish.Key, publish.IsDeleted) : null)]);
        for (var i = 0; i < commands.Length; i++)
        {
            replies[i] = judgements[i].Refusal
                ?? (judgements[i].Body is { } body ? _room.Publish((PublishCommand)commands[i], body) : _room.Apply(front, commands[i]));
        }
    }

    private RoomPublish PublishOf(FrontEventKind kind, string? from, string? id, byte[] body, bool isService, string? key, bool isDeleted) =>
        new() { Room = this.GetPrimaryKeyString(), Kind = kind, From = from, IsService = isService, Id = id, Body = body, Key = key, IsDeleted = isDeleted };

    /// <summary>Asks hooks about messages, all at once; those that are null, and what is repeated or will be refused as the room's log is away, pass.</summary>
    private async ValueTask<Judgement[]> Judge(RoomPublish?[] publishes)
    {
        if (_hooks is null)
            return new Judgement[publishes.Length];
        var bound = options.Value.MaxContentBytes;
        return await Task.WhenAll(publishes.Select(publish => publish is null || !IsAskedAbout(publish)
            ? Task.FromResult(default(Judgement)) : _hookRunner!.Judge(_hooks, publish, bound)));
    }

    private bool IsAskedAbout(RoomPublish publish) =>
        publish.Kind == FrontEventKind.Ephemeral || (_room.IsWritable && !_room.IsKnown(publish.From, publish.Id, publish.IsService));

    /// <summary>Publishes for a service, as hooks want it.</summary>
    private async ValueTask<RoomReply> PublishHooked(FrontEventKind kind, RoomMessage message, byte[] body)
    {
        var judgement = (await Judge([PublishOf(kind, message.From, message.Id, body, isService: true, message.Key, message.IsDeleted)]))[0];
        return judgement.Refusal ?? Publish(kind, message, body, judgement.Body);
    }

    /// <summary>Tells hooks what the turn has done.</summary>
    private void TellHooks()
    {
        if (_room.Facts is not { } facts)
            return;
        if (_room.Members > 0)
        {
            facts.Occupy();
            StopVacancy();
        }
        else if (facts.IsOccupied && _room.HasPast)
            WatchVacancy(facts);
        if (facts.Take() is not { Length: > 0 } taken)
            return;
        _hookQueue?.Add(taken);
        _webhooks?.Add(taken);
    }

    private void WatchVacancy(RoomFacts facts)
    {
        if (options.Value.VacateDelay == TimeSpan.Zero)
            facts.Vacate(_room.Epoch, _room.NowMs());
        else
            _vacateTimer ??= this.RegisterGrainTimer(static (grain, _) => grain.OnVacateTimer(), this, new GrainTimerCreationOptions(options.Value.VacateDelay, Timeout.InfiniteTimeSpan));
    }

    private Task OnVacateTimer()
    {
        StopVacancy();
        if (_room.Facts is { IsOccupied: true } facts && _room.Members == 0)
            facts.Vacate(_room.Epoch, _room.NowMs());
        TellHooks();
        KeepAlive();
        DeactivateIfUnused();
        return Task.CompletedTask;
    }

    private void StopVacancy()
    {
        _vacateTimer?.Dispose();
        _vacateTimer = null;
    }

    private ValueTask<long[]?> FindCursors(OpenedLog opened, string user) => _webhooks?.FindCursors(opened, user) ?? default;

    /// <summary>What receivers of webhooks were not told before the room's silo died, or before an append that was taken for failed.</summary>
    private void TellMissed(OpenedLog opened, long[]? reached, Position known)
    {
        if (reached is null)
            return;
        _webhooks!.CatchUp(opened, reached, known.Epoch == opened.Epoch ? known.Sequence : 0, _room.Facts!, _room.NowMs());
        if (WebhooksWait())
            KeepAlive();
    }

    private async Task DrainHooks(DeactivationReason reason, bool moves)
    {
        var told = _hookQueue?.Drain(s_hookDrain) ?? Task.CompletedTask;
        if (_webhooks is not null && moves)
            await _webhooks.Pause(s_hookDrain); // what is under way would be sent again
        else if (_webhooks is not null && reason.ReasonCode == DeactivationReasonCode.ShuttingDown)
            await _webhooks.Drain(s_hookDrain);
        await told;
    }

    /// <summary>A room for whose receivers something waits stays here, so that it goes along when the silo stops.</summary>
    private bool WebhooksWait()
    {
        if (_webhooks is not { HasWaiting: true })
            return false;
        _backlogTimer ??= this.RegisterGrainTimer(static (grain, _) => grain.OnBacklogTimer(), this, new GrainTimerCreationOptions(s_backlogCheck, s_backlogCheck));
        return true;
    }

    private Task OnBacklogTimer()
    {
        if (_webhooks!.HasWaiting)
            return Task.CompletedTask;
        _backlogTimer?.Dispose();
        _backlogTimer = null;
        KeepAlive();
        DeactivateIfUnused();
        return Task.CompletedTask;
    }

    /// <summary>How long an empty room has to stay for hooks.</summary>
    private TimeSpan HookTime => _room.Facts is { IsOccupied: true } ? options.Value.VacateDelay + TimeSpan.FromSeconds(10) : TimeSpan.Zero;
}
