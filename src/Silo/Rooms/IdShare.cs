namespace Realtime.Silo.Rooms;

/// <summary>An id that a room remembers, among all of the room by age and among those of its user.</summary>
internal sealed class KnownId(KnownPublish publish, IdShare share)
{
    public KnownPublish Publish => publish;

    public IdShare Share => share;

    public KnownId? Older { get; set; }

    public KnownId? Newer { get; set; }

    public KnownId? OlderOfUser { get; set; }

    public KnownId? NewerOfUser { get; set; }

    public int Bytes => PublishDedupe.Overhead + 2 * (publish.Id.Length + share.User.Length);
}

/// <summary>The ids that a room remembers of one user, oldest first; ids of services without a sender are those of user "".</summary>
internal sealed class IdShare(string user)
{
    private KnownId? _newest;

    public string User => user;

    public Dictionary<string, KnownId> Ids { get; } = [];

    public KnownId? Oldest { get; private set; }

    public void Add(KnownId known)
    {
        Ids.Add(known.Publish.Id, known);
        known.OlderOfUser = _newest;
        if (_newest is null)
            Oldest = known;
        else
            _newest.NewerOfUser = known;
        _newest = known;
    }

    public void Remove(KnownId known)
    {
        Ids.Remove(known.Publish.Id);
        if (known.OlderOfUser is { } older)
            older.NewerOfUser = known.NewerOfUser;
        else
            Oldest = known.NewerOfUser;
        if (known.NewerOfUser is { } newer)
            newer.OlderOfUser = known.OlderOfUser;
        else
            _newest = known.OlderOfUser;
    }

    /// <summary>The most ids first; of equal ones that with the oldest.</summary>
    public static IComparer<IdShare> BySize { get; } = Comparer<IdShare>.Create(static (one, other) =>
        one.Ids.Count != other.Ids.Count ? other.Ids.Count.CompareTo(one.Ids.Count)
        : one.Oldest!.Publish.Receipt.Sequence.CompareTo(other.Oldest!.Publish.Receipt.Sequence));
}
