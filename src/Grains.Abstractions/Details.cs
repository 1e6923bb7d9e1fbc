using System.Reflection;

namespace Realtime.Grains;

/// <summary>A front, as whoever runs it sees it.</summary>
/// <param name="Front">Its id.</param>
/// <param name="Connections">How many it has.</param>
[GenerateSerializer, Immutable, Alias("realtime.front.details")]
public sealed record FrontDetails([property: Id(0)] string Front, [property: Id(1)] int Connections)
{
    /// <summary>Version, host and memory of its process; null when it did not answer within seconds.</summary>
    [Id(2)] public ProcessDetails? Process { get; init; }

    /// <summary>Rooms with connections at this front.</summary>
    [Id(3)] public int Rooms { get; init; }

    /// <summary>It takes no clients for now, and closes those that it has: see <see cref="IClusterGrain.Drain"/>.</summary>
    [Id(4)] public bool IsDraining { get; init; }

    /// <summary>Why it is not ready for clients; null when it is.</summary>
    [Id(5)] public string? Problem { get; init; }
}

/// <summary>A silo, as whoever runs it sees it.</summary>
/// <param name="Silo">Its id.</param>
[GenerateSerializer, Immutable, Alias("realtime.silo.details")]
public sealed record SiloDetails([property: Id(0)] string Silo)
{
    /// <summary>Version, host and memory of its process; null when it did not answer within seconds.</summary>
    [Id(1)] public ProcessDetails? Process { get; init; }

    /// <summary>Rooms that it has in memory; inboxes of users are such, too.</summary>
    [Id(2)] public int Rooms { get; init; }

    /// <summary>Grains that it has in memory, those of Orleans itself among them; null when that could not be told.</summary>
    [Id(3)] public int? Activations { get; init; }
}

/// <summary>The process of a front or a silo.</summary>
/// <param name="Version">That of its release.</param>
/// <param name="Host">The name of its machine or container.</param>
/// <param name="StartedAt">When it was started.</param>
/// <param name="Memory">Its memory: physical bytes that it has now.</param>
[GenerateSerializer, Immutable, Alias("realtime.process.details")]
public sealed record ProcessDetails(
    [property: Id(0)] string Version, [property: Id(1)] string Host, [property: Id(2)] DateTimeOffset StartedAt, [property: Id(3)] long Memory)
{
    private static readonly DateTimeOffset s_startedAt = new(System.Diagnostics.Process.GetCurrentProcess().StartTime);

    // The first part of a commit's name tells it.
    private const int CommitLength = 8;

    private static readonly string s_version = Shorten(typeof(ProcessDetails).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown");

    /// <summary>That of this process.</summary>
    internal static ProcessDetails Current => new(s_version, Environment.MachineName, s_startedAt, Environment.WorkingSet);

    private static string Shorten(string version) =>
        version.IndexOf('+') is > 0 and var plus && version.Length > plus + CommitLength + 1 ? version[..(plus + CommitLength + 1)] : version;
}

/// <summary>Which connections a listing has: those for which everything that is set here is so.</summary>
[GenerateSerializer, Immutable, Alias("realtime.connection.filter")]
public sealed record ConnectionFilter
{
    /// <summary>The user whose they are.</summary>
    [Id(0)] public string? User { get; init; }

    /// <summary>A room that they are in.</summary>
    [Id(1)] public string? Room { get; init; }

    /// <summary>What their user, id or address begins with.</summary>
    [Id(2)] public string? Prefix { get; init; }

    /// <summary>How many messages wait for them at least.</summary>
    [Id(3)] public int Queued { get; init; }
}

/// <summary>A user's inbox as it is now.</summary>
/// <param name="Connections">Connections of the user that have asked for it.</param>
/// <param name="Messages">How many messages it has.</param>
/// <param name="Position">Its epoch and its last message's number; an empty epoch and 0 when the user has no inbox.</param>
[GenerateSerializer, Immutable, Alias("realtime.inbox.description")]
public sealed record InboxDescription([property: Id(0)] int Connections, [property: Id(1)] int Messages, [property: Id(2)] Position Position);

/// <summary>What went wrong at a front lately, for a client or in the front itself; what is alike is one.</summary>
/// <param name="Front">The front's id.</param>
/// <param name="Kind">One of <see cref="Kinds"/>.</param>
/// <param name="Code">
/// Of <c>error</c> and <c>refused</c> the error's code, of <c>limit</c> the limit, of <c>closed</c> the close code, of <c>log</c> the category
/// and event id of the line.
/// </param>
[GenerateSerializer, Immutable, Alias("realtime.front.error")]
public sealed record FrontError([property: Id(0)] string Front, [property: Id(1)] string Kind, [property: Id(2)] string Code)
{
    /// <summary>
    /// <c>error</c>: a client got an error frame. <c>limit</c>: a client met one of the limits. <c>refused</c>: a request was refused for who
    /// sends it, or failed. <c>closed</c>: a connection was closed for what its user did or may not. <c>log</c>: the process logged a warning of
    /// this product, or an error.
    /// </summary>
    public static IReadOnlyList<string> Kinds { get; } = ["error", "limit", "refused", "closed", "log"];

    /// <summary>Whom it concerns, if that is known.</summary>
    [Id(3)] public string? User { get; init; }

    /// <summary>The address of the last time, without a port.</summary>
    [Id(4)] public string? Address { get; init; }

    /// <summary>The connection of the last time.</summary>
    [Id(5)] public string? Connection { get; init; }

    /// <summary>What was said the last time, cut to 256 characters.</summary>
    [Id(6)] public string? Detail { get; init; }

    /// <summary>How often since <see cref="FirstAt"/>. Of a limit, how often the client was told, which is once a second at most.</summary>
    [Id(7)] public long Count { get; init; }

    /// <summary>The first time, as far as the front remembers.</summary>
    [Id(8)] public DateTimeOffset FirstAt { get; init; }

    /// <summary>The last time.</summary>
    [Id(9)] public DateTimeOffset LastAt { get; init; }
}
