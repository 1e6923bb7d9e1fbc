using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Http;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Operation;

/// <summary>What the front says of itself to whoever runs it.</summary>
/// <param name="services">Of which the front's health is taken when it is asked for: it comes of what needs this.</param>
internal sealed class FrontReporter(IServiceProvider services, GrainCalls calls, ConnectionRegistry registry, LocalRooms rooms, FrontDrain drain, RecentErrors recent)
{
    public FrontDetails Describe() => new(calls.Front, registry.Count)
    {
        Process = ProcessDetails.Current,
        Rooms = rooms.Count,
        IsDraining = drain.IsOn,
        Problem = services.GetRequiredService<FrontHealth>().Problem,
    };

    public FrontError[] Errors(string? kind, int limit) => recent.Read(calls.Front, kind, limit);

    public int Drain(bool isOn) => drain.Set(isOn);
}
