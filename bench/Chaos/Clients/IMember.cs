using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Clients;

/// <summary>Who hears rooms, or an inbox, comes back after each loss, and writes down what it sees.</summary>
internal interface IMember
{
    /// <summary>What it has seen; complete when <see cref="Run"/> has ended.</summary>
    ClientHistory History { get; }

    /// <summary>Where it is in a room; null while it is not in it.</summary>
    Position? In(string room);

    /// <summary>Connects, and comes back after each loss, until it is cancelled.</summary>
    Task Run(CancellationToken stopping);
}
