using Realtime.Grains;

namespace Realtime.WebFront.Http;

internal sealed record FrontsResponse(IReadOnlyList<FrontResponse> Fronts);

/// <summary>A front; one that did not answer has nothing but its id and how many connections it had.</summary>
/// <param name="Draining">True while it takes no clients.</param>
/// <param name="Problem">Why it is not ready; absent when it is.</param>
internal sealed record FrontResponse(
    string Front, int Connections, string? Version, string? Host, DateTimeOffset? StartedAt, long? Memory, int? Rooms, bool? Draining, string? Problem)
{
    public static FrontResponse Of(FrontDetails front) => front.Process is not { } process
        ? new(front.Front, front.Connections, null, null, null, null, null, null, null)
        : new(front.Front, front.Connections, process.Version, process.Host, process.StartedAt, process.Memory, front.Rooms, front.IsDraining, front.Problem);
}

/// <param name="Connections">How many it had when it was told.</param>
internal sealed record DrainResponse(string Front, bool Draining, int Connections);

internal sealed record SilosResponse(IReadOnlyList<SiloResponse> Silos);

/// <summary>A silo; one that did not answer has nothing but its id.</summary>
internal sealed record SiloResponse(string Silo, string? Version, string? Host, DateTimeOffset? StartedAt, long? Memory, int? Rooms, int? Activations)
{
    public static SiloResponse Of(SiloDetails silo) => silo.Process is not { } process
        ? new(silo.Silo, null, null, null, null, null, null)
        : new(silo.Silo, process.Version, process.Host, process.StartedAt, process.Memory, silo.Rooms, silo.Activations);
}

/// <summary>What went wrong lately, the newest first.</summary>
internal sealed record ErrorsResponse(IReadOnlyList<ErrorResponse> Errors);

internal sealed record ErrorResponse(
    string Front, string Kind, string Code, string? User, string? Address, string? Connection, string? Detail, long Count, DateTimeOffset FirstAt, DateTimeOffset LastAt)
{
    public static ErrorResponse Of(FrontError error) =>
        new(error.Front, error.Kind, error.Code, error.User, error.Address, error.Connection, error.Detail, error.Count, error.FirstAt, error.LastAt);
}

/// <param name="Connections">Those of the user's connections that have asked for it.</param>
/// <param name="Epoch">Absent when the user has no inbox.</param>
internal sealed record InboxResponse(string User, int Connections, int Messages, string? Epoch, long Seq);
