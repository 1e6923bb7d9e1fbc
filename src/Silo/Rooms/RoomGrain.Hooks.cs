using Microsoft.Extensions.DependencyInjection;
using Realtime.Silo.Hooks;

namespace Realtime.Silo.Rooms;

/// <summary>What hooks are asked and told. Without any for the room, there is nothing of it.</summary>
internal sealed partial class RoomGrain
{
    /// <summary>How long a room that leaves the silo waits until its hooks have been told what has happened.</summary>
    private static readonly TimeSpan s_hookDrain = TimeSpan.FromSeconds(2);

    private IRoomHook[]? _hooks;
    private HookRunner? _hookRunner;
    private HookQueue? _hookQueue;
    private IGrainTimer? _vacateTimer;

    private void FindHooks()
    {
        var runner = ServiceProvider.GetRequiredService<HookRunner>();
        if (_owner is not null || runner.For(this.GetPrimaryKeyString()) is not { } hooks)
            return;
        (_hooks, _hookRunner) = (hooks, runner);
        _hookQueue = new HookQueue(this.GetPrimaryKeyString(), hooks, runner, Logger);
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
            ? PublishOf(publish.IsEphemeral ? FrontEventKind.Ephemeral : FrontEventKind.Message, publish.User, publish.Id, publish.Body, isService: false) : null)]);
        for (var i = 0; i < commands.Length; i++)
        {
            replies[i] = judgements[i].Refusal
                ?? (judgements[i].Body is { } body ? _room.Publish((PublishCommand)commands[i], body) : _room.Apply(front, commands[i]));
        }
    }

    private RoomPublish PublishOf(FrontEventKind kind, string? from, string? id, byte[] body, bool isService) =>
        new() { Room = this.GetPrimaryKeyString(), Kind = kind, From = from, IsService = isService, Id = id, Body = body };

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
        var judgement = (await Judge([PublishOf(kind, message.From, message.Id, body, isService: true)]))[0];
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
        if (facts.Take() is { Length: > 0 } taken)
            _hookQueue?.Add(taken);
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

    private async Task DrainHooks()
    {
        if (_hookQueue is not null)
            await _hookQueue.Drain(s_hookDrain);
    }

    /// <summary>How long an empty room has to stay for hooks.</summary>
    private TimeSpan HookTime => _room.Facts is { IsOccupied: true } ? options.Value.VacateDelay + TimeSpan.FromSeconds(10) : TimeSpan.Zero;
}
