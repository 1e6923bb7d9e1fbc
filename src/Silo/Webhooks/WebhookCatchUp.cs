using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Realtime.PushStreams;

namespace Realtime.Silo.Webhooks;

/// <summary>
/// Writes down how far receivers have come, once a second for all rooms of the silo, and looks for rooms of which a receiver lacks something while they
/// are on no silo: they are called, and send it.
/// </summary>
internal sealed partial class WebhookCatchUp(IServiceProvider services, IGrainFactory grains, TimeProvider time, ILogger<WebhookCatchUp> logger) : BackgroundService
{
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);

    /// <summary>Rooms with members are opened by their fronts at once; this is for the others.</summary>
    private const int PeriodsPerSearch = 30;

    private const int RoomsPerSearch = 500;
    private const int Concurrency = 8;

    private readonly ConcurrentDictionary<(string Room, string Epoch, string Receiver), long> _accepted = new();
    private readonly TaskCompletionSource _begin = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string[] _receivers = [];
    private long _searched; // the number of the last room that was found

    /// <summary>Null where the log does not outlast its process.</summary>
    public IWebhookCursors? Cursors { get; } = services.GetService<IWebhookCursors>();

    /// <summary>The silo is in the cluster, and the tables are there.</summary>
    public void Begin(string[] receivers)
    {
        _receivers = receivers;
        _begin.TrySetResult();
    }

    /// <summary>A receiver has accepted the room's messages up to a sequence. For any thread.</summary>
    public void Accept(string room, string epoch, string receiver, long sequence)
    {
        if (Cursors is not null)
            _accepted.AddOrUpdate((room, epoch, receiver), static (_, next) => next, static (_, last, next) => Math.Max(last, next), sequence);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await _begin.Task.WaitAsync(stoppingToken);
            if (Cursors is null || _receivers.Length == 0)
                return;
            await Task.Delay(Backoff.Part(s_period), time, stoppingToken); // silos that have started together do not go on in step
            using var timer = new PeriodicTimer(s_period, time);
            for (var period = 0; await timer.WaitForNextTickAsync(stoppingToken); period++)
            {
                await Guarded(Save, stoppingToken);
                if (period % PeriodsPerSearch == 0)
                    await Guarded(Search, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The silo stops.
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (Cursors is not null)
            await Guarded(Save, cancellationToken); // what is not written is sent again
    }

    /// <summary>Writes what was accepted since the last time.</summary>
    public async Task Save(CancellationToken cancellation)
    {
        KeyValuePair<(string Room, string Epoch, string Receiver), long>[] taken = [.. _accepted];
        if (taken.Length == 0)
            return;
        await Cursors!.Save([.. taken.Select(entry => new WebhookCursor(entry.Key.Room, entry.Key.Epoch, entry.Key.Receiver, entry.Value))], cancellation);
        foreach (var entry in taken)
            _accepted.TryRemove(entry); // unless it has grown meanwhile
    }

    /// <summary>Calls rooms of which a receiver lacks something; those that are on a silo do nothing then.</summary>
    public async Task Search(CancellationToken cancellation)
    {
        var rooms = await Cursors!.Behind(_receivers, _searched, RoomsPerSearch, cancellation);
        _searched = rooms.Length == RoomsPerSearch ? rooms[^1].Number : 0;
        await Parallel.ForEachAsync(rooms, new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation },
            async (room, cancellation) => await Guarded(_ => grains.GetGrain<IRoomGrain>(room.Name).Describe(), cancellation));
    }

    private async Task Guarded(Func<CancellationToken, Task> work, CancellationToken cancellation)
    {
        try
        {
            await work(cancellation);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            SafeLog.Write(() => LogFailed(exception.Message));
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "How far webhook receivers are cannot be written or read now; it is tried again: {Reason}")]
    private partial void LogFailed(string reason);
}
