namespace Realtime.WebFront.Limiting;

/// <summary>
/// What has been taken of a connection's limits, made with its first command. Belongs to the connection's reading, which does one thing at
/// a time. One field for each limit that there is.
/// </summary>
internal sealed class CommandBuckets
{
    public TokenBucket Commands, Publishes, MessageBytes, Joins, Reads, Directs, Refreshes, Calls, Errors;

    /// <summary>When the connection was over a limit last, and since when without a pause. Timestamps.</summary>
    public long LastExcess, ExcessSince;

    /// <summary>The limits that the client was told of since <see cref="ToldAt"/>; a bit for each <see cref="Limit"/>.</summary>
    public int Told;

    public long ToldAt;
}
