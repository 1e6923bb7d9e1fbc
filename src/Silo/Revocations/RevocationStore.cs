using System.Text.Json;
using Microsoft.Extensions.Logging;
using Realtime.PushStreams;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Revocations;

/// <summary>
/// Keeps the list of revocations where rooms keep their messages, as the state of a room of its own, so that it outlasts all processes. A log
/// that cannot be written delays nothing: the list counts as it is in memory, and is kept when the log takes it.
/// </summary>
/// <remarks>Of one grain, whose turns do not run side by side.</remarks>
internal sealed partial class RevocationStore(IRoomLogs logs, TimeProvider time, ILogger logger)
{
    /// <summary>The room. A name begins with no white space, so nobody else's is called so.</summary>
    public const string Name = " revocations";

    private const int MaxBatch = 1000;

    // Its messages say nothing: what counts is the state.
    private static readonly Retention s_retention = new(0, TimeSpan.FromMinutes(1));

    private readonly Dictionary<string, Revocation> _unkept = new(StringComparer.Ordinal);
    private OpenedLog? _opened;
    private long _sequence;
    private Task<bool>? _keeping;
    private bool _isDown;

    /// <summary>Whether the log has been read, or has nothing.</summary>
    public bool IsLoaded { get; private set; }

    /// <summary>Whether something is not in the log yet.</summary>
    public bool HasUnkept => _unkept.Count > 0;

    /// <summary>What the log has; nothing, and <see cref="IsLoaded"/> stays false, when it cannot be read now.</summary>
    public async Task<IReadOnlyList<Revocation>> Load()
    {
        try
        {
            Opened(await logs.Find(Name, s_retention));
            IsLoaded = true;
            Works();
            return _opened is null ? [] : [.. _opened.State.Select(Read).OfType<Revocation>()];
        }
        catch (Exception exception)
        {
            Fails(exception);
            return [];
        }
    }

    /// <summary>Keeps entries in place of what was kept of the same subjects; returns when they are kept, or cannot be now.</summary>
    public Task Keep(params IEnumerable<Revocation> entries)
    {
        foreach (var entry in entries)
            _unkept[KeyOf(entry)] = entry;
        return Flush();
    }

    /// <summary>Keeps what could not be kept before.</summary>
    public async Task Flush()
    {
        while (_unkept.Count > 0)
        {
            if (_keeping is null)
            {
                var mine = KeepSome();
                _keeping = mine.IsCompleted ? null : mine;
                if (!await mine)
                    return;
            }
            else if (!await _keeping)
            {
                return;
            }
        }
    }

    private async Task<bool> KeepSome()
    {
        var batch = _unkept.Take(MaxBatch).ToArray();
        try
        {
            if (_opened is null)
                Opened(await logs.Open(Name, s_retention));
            var entries = new LogEntry[batch.Length];
            for (var i = 0; i < batch.Length; i++)
                entries[i] = EntryOf(batch[i].Key, batch[i].Value, _sequence + 1 + i);
            await _opened!.Log.Append(entries);
            _sequence += entries.Length;
            _opened.Log.Trim(_sequence + 1);
            foreach (var (key, entry) in batch)
            {
                if (ReferenceEquals(_unkept.GetValueOrDefault(key), entry)) // else it has changed meanwhile
                    _unkept.Remove(key);
            }
            Works();
            return true;
        }
        catch (Exception exception)
        {
            _opened = null; // of no use any more
            Fails(exception);
            return false;
        }
        finally
        {
            _keeping = null;
        }
    }

    private void Opened(OpenedLog? opened) => (_opened, _sequence) = (opened, opened?.Sequence ?? 0);

    private LogEntry EntryOf(string key, Revocation entry, long sequence)
    {
        var (body, now) = (JsonSerializer.SerializeToUtf8Bytes(entry), time.GetUtcNow().ToUnixTimeMilliseconds());
        var message = new FrontEvent { Kind = FrontEventKind.Message, Target = Name, Epoch = _opened!.Epoch, Sequence = sequence, Timestamp = now, Body = [], IsService = true };
        return new LogEntry(message, null, 0)
        {
            State = new StateEntry(key, sequence, body) { IsService = true, Timestamp = now, Expires = entry.Until },
        };
    }

    // A line of a newer release, or of somebody who has written into the table, is passed over.
    private Revocation? Read(StateEntry state)
    {
        try
        {
            return JsonSerializer.Deserialize<Revocation>(state.Body);
        }
        catch (JsonException exception)
        {
            SafeLog.Write(() => LogUnreadable(exception.Message));
            return null;
        }
    }

    private static string KeyOf(Revocation entry) => $"{entry.Kind}\n{entry.Subject}\n{entry.Room}";

    private void Works()
    {
        if (_isDown)
            SafeLog.Write(LogWorks);
        _isDown = false;
    }

    private void Fails(Exception exception)
    {
        if (!_isDown)
            SafeLog.Write(() => LogFails(exception.Message, exception is LogException ? null : exception));
        _isDown = true;
    }

    [LoggerMessage(2, LogLevel.Warning, "Revocations count, but cannot be kept or read in the log now, and would be lost with all silos and fronts. It is tried again. {Reason}")]
    private partial void LogFails(string reason, Exception? exception);

    [LoggerMessage(3, LogLevel.Warning, "Revocations are kept in the log again.")]
    private partial void LogWorks();

    [LoggerMessage(4, LogLevel.Error, "A revocation in the log cannot be read, and does not count: {Reason}")]
    private partial void LogUnreadable(string reason);
}
