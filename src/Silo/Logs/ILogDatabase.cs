namespace Realtime.Silo.Logs;

/// <summary>A database that logs are in, as <see cref="LogWriter"/> writes it and <see cref="LogOutage"/> judges it.</summary>
internal interface ILogDatabase
{
    /// <summary>Which one it is, for operators; shows no secret.</summary>
    string Address { get; }

    /// <summary>So many statements at once are of use.</summary>
    int ConcurrentWrites { get; }

    /// <summary>What it or the way to it can throw; anything else is a defect.</summary>
    bool IsProblem(Exception exception);

    /// <summary>It works and refuses this statement, and nothing of it is done.</summary>
    bool IsOfOneStatement(Exception exception);

    /// <summary>What is wrong, in words without a full stop; shows no secret.</summary>
    string Reason(Exception exception);

    /// <summary>Appends all in one transaction, but those of rooms that are not as their writer has them.</summary>
    /// <returns>The rooms whose appends are committed.</returns>
    Task<HashSet<long>> Insert(List<PendingAppend> group, CancellationToken cancellation);

    /// <summary>Why a room's rows were not taken.</summary>
    Task<LogException> Refusal(LogMark mark, CancellationToken cancellation);

    /// <summary>Called when a statement has failed: connections may be of no use any more.</summary>
    void Reset();
}

/// <summary>What the columns of a message mean, in every database.</summary>
internal static class LogRow
{
    /// <summary>What the rows that this release writes mean. Grows when older releases would misread them.</summary>
    public const short Version = 1;

    /// <summary>In the kind of a row: a service has sent it. Releases that do not know it read the kind alone, so it needs no other version.</summary>
    private const short ServiceFlag = 256;

    public static short KindOf(FrontEvent message) => (short)((byte)message.Kind | (message.IsService ? ServiceFlag : 0));

    public static short KindOf(StateEntry entry) => (short)((byte)FrontEventKind.Message | (entry.IsService ? ServiceFlag : 0));

    public static StateEntry State(string key, long sequence, short kind, string? from, long timestamp, long expires, byte[] body) => new(key, sequence, body)
    {
        From = from,
        IsService = (kind & ServiceFlag) != 0,
        Timestamp = timestamp,
        Expires = expires,
    };

    /// <summary>What appends make of the state of their rooms: each key once, as it is at the end.</summary>
    public static List<(long Room, StateEntry Entry)> StateOf(List<PendingAppend> group)
    {
        List<(long, StateEntry)> rows = [];
        HashSet<(long, string)>? seen = null;
        foreach (var append in group)
        {
            for (var i = append.Entries.Length - 1; i >= 0; i--)
            {
                if (append.Entries[i].State is { } entry && (seen ??= []).Add((append.Mark.Room, entry.Key)))
                    rows.Add((append.Mark.Room, entry));
            }
        }
        return rows;
    }

    public static FrontEvent Message(string room, string epoch, LogMark mark, long sequence, short kind, string? from, long timestamp, byte[] body) => new()
    {
        Kind = (FrontEventKind)(kind & ~ServiceFlag),
        IsService = (kind & ServiceFlag) != 0,
        Target = room,
        From = from,
        Epoch = epoch,
        Sequence = sequence,
        Order = mark.FirstOrder,
        Timestamp = timestamp,
        Body = body,
    };
}
