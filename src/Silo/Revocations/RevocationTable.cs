using System.Text;

namespace Realtime.Silo.Revocations;

/// <summary>The list of revocations and its bounds, without Orleans.</summary>
internal sealed class RevocationTable(RevocationOptions options, TimeProvider time)
{
    // Of an entry beside its names.
    private const int EntryBytes = 128;

    // So often at most is looked for entries that are over, unless place is needed.
    private static readonly TimeSpan s_purgePeriod = TimeSpan.FromMinutes(1);

    private readonly Dictionary<Subject, Revocation> _entries = [];
    private readonly SortedDictionary<long, Revocation> _byVersion = [];
    private long _bytes;
    private long _purgedAt = time.GetTimestamp();

    /// <summary>The greatest version so far. It begins with the clock, so that what a table of before has given counts as older.</summary>
    public long Version { get; private set; } = time.GetUtcNow().ToUnixTimeMilliseconds() << 10;

    public int Count => _entries.Count;

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Enters it, in place of what was said of the same subject before.</summary>
    /// <exception cref="RequestException">There is no place.</exception>
    public Revocation Set(Revocation entry)
    {
        Version++;
        return Put(entry with { Changed = Version, Version = Version });
    }

    /// <summary>Lifts what is said of the subject; null when nothing is.</summary>
    public Revocation? Lift(RevocationKind kind, string subject, string? room) =>
        _entries.TryGetValue(new(kind, subject, room), out var entry) && !entry.IsLifted ? Set(entry with { IsLifted = true }) : null;

    /// <summary>Enters what a front has of a table that was lost. What is over, or older than what is here, is passed over.</summary>
    /// <returns>Whether it was entered.</returns>
    /// <exception cref="RequestException">There is no place.</exception>
    public bool Merge(Revocation entry)
    {
        if (entry.Until <= Now || (_entries.TryGetValue(SubjectOf(entry), out var known) && known.Changed >= entry.Changed))
            return false;
        // It keeps its time, and has a new place: fronts may have had the list up to now.
        Version = Math.Max(Version, entry.Changed) + 1;
        Put(entry with { Version = Version });
        return true;
    }

    /// <summary>Up to <paramref name="limit"/> entries after a version, in the order of their versions.</summary>
    public Revocation[] After(long version, int limit)
    {
        if (time.GetElapsedTime(_purgedAt) > s_purgePeriod)
            Purge();
        if (version >= Version)
            return [];
        return [.. _byVersion.Values.SkipWhile(entry => entry.Version <= version).Take(limit)];
    }

    private Revocation Put(Revocation entry)
    {
        var (subject, size) = (SubjectOf(entry), SizeOf(entry));
        var known = _entries.GetValueOrDefault(subject);
        if (IsFull())
            Purge();
        if (IsFull())
        {
            throw new RequestException(RequestException.RevocationsFull,
                $"There are {_entries.Count} revocations of {_bytes} bytes; there may be {options.MaxEntries} of {options.MaxBytes} bytes "
                + "(Revocations:MaxEntries, Revocations:MaxBytes). Some are over after a while.");
        }
        Remove(subject);
        _entries.Add(subject, entry);
        _byVersion.Add(entry.Version, entry);
        _bytes += size;
        return entry;

        bool IsFull() => known is null && (_entries.Count >= options.MaxEntries || _bytes + size > options.MaxBytes);
    }

    private void Remove(in Subject subject)
    {
        if (!_entries.Remove(subject, out var entry))
            return;
        _byVersion.Remove(entry.Version);
        _bytes -= SizeOf(entry);
    }

    private void Purge()
    {
        _purgedAt = time.GetTimestamp();
        var now = Now;
        foreach (var entry in _entries.Values.Where(entry => entry.Until <= now).ToArray())
            Remove(SubjectOf(entry));
    }

    private static Subject SubjectOf(Revocation entry) => new(entry.Kind, entry.Subject, entry.Room);

    private static int SizeOf(Revocation entry) =>
        EntryBytes + Encoding.UTF8.GetByteCount(entry.Subject) + (entry.Room is null ? 0 : Encoding.UTF8.GetByteCount(entry.Room));

    private readonly record struct Subject(RevocationKind Kind, string Name, string? Room);
}
