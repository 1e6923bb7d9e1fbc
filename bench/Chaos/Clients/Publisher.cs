using System.Diagnostics;
using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Clients;

/// <summary>Publishes to its rooms in turn, at a rate that does not depend on the answers.</summary>
internal sealed class Publisher(IPublishingMember client, string[] rooms, double perSecond, Stopwatch clock)
{
    /// <summary>With so many unanswered there is nobody to answer; more would only be given up in the end.</summary>
    private const int MostUnanswered = 1000;

    /// <summary>Often enough that a publish is late by no more than a delivery takes.</summary>
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(10);

    public List<Publish> Publishes { get; } = [];

    public IPublishingMember Client => client;

    public bool WritesTo(string room) => rooms.Contains(room);

    public async Task Run(CancellationToken stopping)
    {
        // Publishers begin at different times, so that their messages do not come all at once.
        var due = clock.Elapsed + Random.Shared.NextDouble() / perSecond * TimeSpan.FromSeconds(1);
        var period = TimeSpan.FromSeconds(1 / perSecond);
        using var timer = new PeriodicTimer(s_tick);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                for (; due <= clock.Elapsed; due += period)
                {
                    if (client.Unanswered < MostUnanswered)
                        Publish(rooms[Publishes.Count % rooms.Length]);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }
    }

    /// <summary>Publishes one message, and says which.</summary>
    public Publish Publish(string room)
    {
        var publish = new Publish($"{client.Name}-{Publishes.Count}", room, clock.Elapsed);
        Publishes.Add(publish);
        client.Publish(publish);
        return publish;
    }
}
