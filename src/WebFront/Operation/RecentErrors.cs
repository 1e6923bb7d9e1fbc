using System.Net;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Limiting;

namespace Realtime.WebFront.Operation;

/// <summary>
/// What went wrong at this front lately: <see cref="FrontError"/>. In memory and bounded: of each kind the last <see cref="MostOfKind"/>, what is
/// alike counted as one, and each text cut, so that all of it is below 1 MiB. It is noted in the ways of clients, and costs them a lock and a look-up.
/// </summary>
internal sealed class RecentErrors(TimeProvider time)
{
    /// <summary>Of each kind.</summary>
    public const int MostOfKind = 128;

    /// <summary>The longest text, in characters: of a detail, and of a user, which a host's own scheme may have let in.</summary>
    public const int MaxText = 256;

    private readonly Table[] _tables = [.. FrontError.Kinds.Select(kind => new Table(kind))];

    /// <summary>A client got an error frame.</summary>
    public void Failed(Connection connection, string code, string reason) =>
        Note(0, code, connection.UserId, AddressOf(connection), connection.Id, reason);

    /// <summary>A client met a limit.</summary>
    public void Limited(Connection connection, Limit limit, string reason) =>
        Note(1, LimitMetrics.Name(limit), connection.UserId, AddressOf(connection), connection.Id, reason);

    /// <summary>A request met a limit.</summary>
    public void Limited(HttpContext context, Limit limit) =>
        Note(1, LimitMetrics.Name(limit), UserOf(context), context.Connection.RemoteIpAddress, null, null);

    /// <summary>A request was refused, or failed.</summary>
    public void Refused(HttpContext context, string code, string reason) =>
        Note(2, code, UserOf(context), context.Connection.RemoteIpAddress, null, reason);

    /// <summary>A connection was closed for what its user did or may not.</summary>
    public void Closed(Connection connection, ushort code, string reason) =>
        Note(3, $"{code}", connection.UserId, AddressOf(connection), connection.Id, reason);

    /// <summary>The process has logged something.</summary>
    public void Logged(string line, string text) => Note(4, line, null, null, null, text);

    /// <summary>The newest first.</summary>
    /// <param name="front">This front's id.</param>
    /// <param name="kind">One of <see cref="FrontError.Kinds"/>; null for all.</param>
    /// <param name="limit">How many.</param>
    public FrontError[] Read(string front, string? kind, int limit) =>
        [.. _tables.Where(table => kind is null || table.Kind == kind).SelectMany(table => table.Read(front)).OrderByDescending(error => error.LastAt).Take(limit)];

    private void Note(int kind, string code, string? user, IPAddress? address, string? connection, string? detail)
    {
        user = Cut(user);
        var from = address?.ToString();
        _tables[kind].Note((Cut(code)!, user ?? from), new FrontError("", "", "")
        {
            User = user,
            Address = from,
            Connection = connection,
            Detail = Cut(detail),
            LastAt = time.GetUtcNow(),
        });
    }

    private static string? UserOf(HttpContext context) => context.User.Identity is { IsAuthenticated: true } identity ? identity.Name : null;

    private static IPAddress? AddressOf(Connection connection) => (connection.RemoteAddress as IPEndPoint)?.Address;

    private static string? Cut(string? text)
    {
        if (text is null || text.Length <= MaxText)
            return text;
        var end = char.IsHighSurrogate(text[MaxText - 2]) ? MaxText - 2 : MaxText - 1;
        return text[..end] + '…';
    }

    /// <summary>Those of a kind. What came last is last.</summary>
    private sealed class Table(string kind)
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<(string Code, string? Who), LinkedListNode<Entry>> _nodes = [];
        private readonly LinkedList<Entry> _entries = [];

        public string Kind => kind;

        public void Note((string Code, string? Who) key, FrontError last)
        {
            lock (_lock)
            {
                if (_nodes.TryGetValue(key, out var node))
                {
                    node.Value = node.Value with { Last = last, Count = node.Value.Count + 1 };
                    _entries.Remove(node);
                    _entries.AddLast(node);
                    return;
                }
                if (_nodes.Count == MostOfKind)
                {
                    _nodes.Remove(_entries.First!.Value.Key);
                    _entries.RemoveFirst();
                }
                _nodes.Add(key, _entries.AddLast(new Entry(key, last.LastAt, 1, last)));
            }
        }

        public FrontError[] Read(string front)
        {
            lock (_lock)
            {
                return [.. _entries.Select(entry => entry.Last with { Front = front, Kind = kind, Code = entry.Key.Code, Count = entry.Count, FirstAt = entry.FirstAt })];
            }
        }

        private readonly record struct Entry((string Code, string? Who) Key, DateTimeOffset FirstAt, long Count, FrontError Last);
    }
}
