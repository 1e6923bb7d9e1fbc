namespace Realtime.Grains;

/// <summary>Frames that a client without a WebSocket sends, in a request that any front may get.</summary>
[GenerateSerializer, Immutable, Alias("realtime.session.post")]
public sealed record SessionPost
{
    /// <summary>The id of the session's connection.</summary>
    [Id(0)]
    public required string Connection { get; init; }

    /// <summary>Known to the session's client only.</summary>
    [Id(1)]
    public required string Secret { get; init; }

    /// <summary>Who posts: the session's own user.</summary>
    [Id(2)]
    public required string User { get; init; }

    /// <summary>Counts the session's posts, from 1 on.</summary>
    [Id(3)]
    public required long Number { get; init; }

    /// <summary>The frames, in order.</summary>
    [Id(4)]
    public required byte[][] Frames { get; init; }
}

/// <summary>What became of a <see cref="SessionPost"/>.</summary>
[GenerateSerializer, Alias("realtime.session.result")]
public enum SessionPostResult
{
    /// <summary>There is no such session, or it is not this client's.</summary>
    NotFound,

    /// <summary>Taken, now or before.</summary>
    Taken,

    /// <summary>Posts before it are missing.</summary>
    Missing,

    /// <summary>The session has enough to do; it may be posted again.</summary>
    Full,
}
