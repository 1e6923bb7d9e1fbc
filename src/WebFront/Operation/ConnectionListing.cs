using System.Net;
using Realtime.Connections;
using Realtime.Grains;

namespace Realtime.WebFront.Operation;

/// <summary>Pages of a front's connections, and which there are.</summary>
internal sealed class ConnectionListing(GrainCalls calls, ConnectionRegistry registry)
{
    private static readonly Comparer<string> s_last = Comparer<string>.Create(static (one, other) => string.CompareOrdinal(other, one));

    /// <summary>A page in ordinal order of the ids, and how many there are on all of them.</summary>
    public FrontConnections Page(string? after, int limit, ConnectionFilter? filter)
    {
        filter ??= new ConnectionFilter();
        // The first ones, of whichever order they come in: to sort all for a page would cost more than to look at them.
        var first = new PriorityQueue<Connection, string>(s_last);
        var total = 0;
        foreach (var connection in Candidates(filter))
        {
            if (!Fits(connection, filter))
                continue;
            total++;
            if (after is not null && string.CompareOrdinal(connection.Id, after) <= 0)
                continue;
            if (first.Count < limit)
                first.Enqueue(connection, connection.Id);
            else
                first.EnqueueDequeue(connection, connection.Id);
        }
        var page = new ConnectionDescription[first.Count];
        for (var i = page.Length - 1; i >= 0; i--)
            page[i] = Describe(first.Dequeue());
        return new FrontConnections(total, page);
    }

    /// <summary>Without the user's inbox, which is no room to others.</summary>
    public IEnumerable<string> RoomsOf(Connection connection) => registry.RoomsOf(connection).Where(room => InboxKey.UserOf(room) is null);

    private IReadOnlyCollection<Connection> Candidates(ConnectionFilter filter) =>
        filter.User is { } user ? registry.GetUser(user)
        : filter.Room is { } room && InboxKey.UserOf(room) is null ? registry.Members(room)
        : filter.Room is null ? registry.Connections : [];

    private bool Fits(Connection connection, ConnectionFilter filter) =>
        (filter.Queued <= 0 || connection.QueuedMessages >= filter.Queued)
        && (filter.Prefix is not { Length: > 0 } prefix || Begins(connection.UserId, prefix) || Begins(connection.Id, prefix) || Begins(AddressOf(connection), prefix))
        && (filter.User is null || filter.Room is null || RoomsOf(connection).Contains(filter.Room));

    private static bool Begins(string? text, string prefix) => text is not null && text.StartsWith(prefix, StringComparison.Ordinal);

    private static string? AddressOf(Connection connection) => connection.RemoteAddress switch
    {
        IPEndPoint { Address.IsIPv4MappedToIPv6: true } mapped => mapped.Address.MapToIPv4().ToString(),
        IPEndPoint endPoint => endPoint.Address.ToString(),
        _ => null,
    };

    private ConnectionDescription Describe(Connection connection) => new(
        connection.Id, calls.Front, connection.UserId, connection.RemoteAddress?.ToString(), connection.ConnectedAt,
        [.. RoomsOf(connection)], connection.QueuedMessages);
}
