using System.Collections.Concurrent;
using System.Diagnostics;

namespace Realtime.Cluster.Tests;

/// <summary>Publishes evenly to many rooms at one front, while a client at another front hears them.</summary>
internal sealed class Load : IAsyncDisposable
{
    /// <summary>Rooms get their messages in turn, a few of them at each tick.</summary>
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<Task> _publishes = new();
    private readonly ConcurrentDictionary<string, ConcurrentQueue<long>> _sent = new();
    private readonly Client _publisher;
    private Task _running = Task.CompletedTask;

    private Load(Client publisher, Client listener, string[] rooms) => (_publisher, Listener, Rooms) = (publisher, listener, rooms);

    public Client Listener { get; }

    public string[] Rooms { get; }

    /// <param name="perSecond">Messages a second, over all rooms.</param>
    public static async Task<Load> Start(ServerProcess publishAt, ServerProcess hearAt, int rooms, int perSecond)
    {
        var load = new Load(
            await Client.Connect(publishAt, "publisher"), await Client.Connect(hearAt, "listener"),
            [.. Enumerable.Range(0, rooms).Select(i => $"room{i}")]);
        foreach (var room in load.Rooms)
        {
            await load._publisher.Join(room);
            await load.Listener.Join(room);
        }
        load._running = load.Run(perSecond);
        // It is under way when every room has been heard.
        foreach (var room in load.Rooms)
            await load.Listener.WaitFor(room, "1");
        return load;
    }

    /// <summary>Waits until every room has delivered a message that was sent after a moment.</summary>
    /// <returns>How long after the moment the last room has.</returns>
    public async Task<TimeSpan> EveryRoomDelivers(long sentAfter)
    {
        var slowest = TimeSpan.Zero;
        foreach (var room in Rooms)
        {
            var sent = Sent(room, sentAfter);
            Client.Heard heard;
            var bound = Stopwatch.StartNew();
            while ((heard = Listener.HeardIn(room).FirstOrDefault(heard => long.Parse(heard.Content) >= sent)) == default)
            {
                Assert.True(bound.Elapsed < Client.Patience, $"{room} does not deliver any more.");
                await Task.Delay(10);
            }
            var after = Stopwatch.GetElapsedTime(sentAfter, heard.At);
            slowest = after > slowest ? after : slowest;
        }
        return slowest;
    }

    /// <summary>Ends the load, and waits for the last answers.</summary>
    /// <returns>How many publishes there were, and the errors of those that failed.</returns>
    public async Task<(int Count, string[] Failed)> Stop()
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(Client.Patience);
        var publishes = _publishes.ToArray();
        await Task.WhenAll(publishes).ContinueWith(_ => { }, TaskScheduler.Default).WaitAsync(Client.Patience);
        return (publishes.Length, [.. publishes.Where(publish => publish.IsFaulted).Select(publish => publish.Exception!.InnerException!.Message)]);
    }

    /// <summary>Waits until the listener has heard, in every room, the last message of a load that has been stopped.</summary>
    public async Task AllIsHeard()
    {
        foreach (var room in Rooms)
            await Listener.WaitFor(room, $"{_sent[room].Count}");
    }

    /// <summary>Waits until a receiver of webhooks has been told of each message, in order; repeats are marked.</summary>
    public async Task IsTold(TestReceiver receiver)
    {
        foreach (var room in Rooms)
        {
            var told = await receiver.Messages(room, _sent[room].Count);
            Assert.Equal(Enumerable.Range(1, _sent[room].Count), told.Select(item => int.Parse((string)item["content"]!)));
            Assert.Single(told.Select(item => (string?)item["epoch"]).Distinct());
        }
        Assert.Empty(receiver.Faults);
    }

    /// <summary>What the listener has not heard of a room, has heard twice, late or in another epoch, after <see cref="AllIsHeard"/>.</summary>
    public IEnumerable<string> Irregular(string room)
    {
        var heard = Listener.HeardIn(room).ToArray();
        var numbers = heard.Select(message => int.Parse(message.Content)).ToArray();
        foreach (var lost in Enumerable.Range(1, _sent[room].Count).Except(numbers))
            yield return $"{room}: {lost} is lost";
        for (var i = 1; i < heard.Length; i++)
        {
            if (numbers[i] != numbers[i - 1] + 1 || heard[i].Sequence != heard[i - 1].Sequence + 1 || heard[i].Epoch != heard[i - 1].Epoch)
                yield return $"{room}: {numbers[i]} (sequence {heard[i].Sequence} of {heard[i].Epoch}) follows {numbers[i - 1]} ({heard[i - 1].Sequence} of {heard[i - 1].Epoch})";
        }
    }

    /// <summary>The number of the first message that was, or will be, sent to the room after a moment.</summary>
    private long Sent(string room, long after) => _sent[room].Count(at => at < after) + 1;

    private async Task Run(int perSecond)
    {
        var start = Stopwatch.GetTimestamp();
        var done = 0;
        using var timer = new PeriodicTimer(s_tick);
        while (!_stop.IsCancellationRequested)
        {
            for (var due = (int)(Stopwatch.GetElapsedTime(start).TotalSeconds * perSecond); done < due; done++)
            {
                var room = Rooms[done % Rooms.Length];
                var sent = _sent.GetOrAdd(room, _ => new());
                sent.Enqueue(Stopwatch.GetTimestamp());
                _publishes.Enqueue(_publisher.Publish(room, $"{sent.Count}"));
            }
            await timer.WaitForNextTickAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _publisher.DisposeAsync();
        await Listener.DisposeAsync();
        await _running.WaitAsync(Client.Patience);
    }
}
