using System.Security.Claims;
using System.Text;
using System.Text.Json;
using Realtime.PushStreams;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Access;

/// <summary>
/// What a token allows by itself: a claim that is a JSON object of patterns and operations, as
/// <c>{"orders-*":["join","history"],"chat-7":["*"]}</c>. All entries that fit count. A claim that is anything else allows nothing.
/// </summary>
internal sealed partial class Capabilities
{
    /// <summary>Patterns of rooms.</summary>
    public const string RoomsClaim = "rooms";

    /// <summary>Patterns of users, for direct messages.</summary>
    public const string UsersClaim = "users";

    /// <summary>Bytes of UTF-8 of a claim.</summary>
    public const int MaxBytes = 16 * 1024;

    /// <summary>Patterns of a claim.</summary>
    public const int MaxPatterns = 256;

    private static readonly Capabilities s_none = new([]);

    private readonly (AccessPattern Pattern, RoomOperation Allow)[] _entries;

    private Capabilities((AccessPattern, RoomOperation)[] entries) => _entries = entries;

    public static Capabilities Read(ClaimsPrincipal principal, string name, ILogger logger)
    {
        Claim[] claims = [.. principal.FindAll(name).Take(2)];
        if (claims.Length == 0)
            return s_none;
        var among = name == UsersClaim ? RoomOperation.Direct : RoomOperations.OfRooms;
        var entries = new List<(AccessPattern, RoomOperation)>();
        var problem = claims.Length > 1 ? "is there more than once, or a list" : Read(claims[0].Value, among, entries);
        if (problem is null)
            return new([.. entries]);
        SafeLog.Write(() => LogMalformed(logger, name, problem));
        return s_none;
    }

    /// <summary>What all entries that fit allow together.</summary>
    public RoomOperation For(string name, AccessSubject subject)
    {
        var allowed = RoomOperation.None;
        foreach (var (pattern, allow) in _entries)
        {
            if ((allow & ~allowed) != 0 && pattern.Matches(name, subject))
                allowed |= allow;
        }
        return allowed;
    }

    private static string? Read(string text, RoomOperation among, List<(AccessPattern, RoomOperation)> entries)
    {
        if (text.Length > MaxBytes || Encoding.UTF8.GetByteCount(text) > MaxBytes)
            return $"has more than {MaxBytes} bytes";
        using var document = StrictJson.ParseObject(Encoding.UTF8.GetBytes(text));
        if (document is null)
            return "is not a JSON object with each name once";
        foreach (var entry in document.RootElement.EnumerateObject())
        {
            if (entries.Count == MaxPatterns)
                return $"has more than {MaxPatterns} patterns";
            if (!TryGetName(entry, out var pattern))
                return "has a pattern that is not Unicode text";
            if (entry.Value.ValueKind != JsonValueKind.Array)
                return "has a pattern without a list of operations";
            var allow = RoomOperation.None;
            foreach (var item in entry.Value.EnumerateArray())
            {
                if (!item.TryGetString(out var operation) || RoomOperations.Parse(operation, among) is not { } known)
                    return $"has an operation that is none of {RoomOperations.Names(among)}";
                allow |= known;
            }
            entries.Add((AccessPattern.OfCapability(pattern), allow));
        }
        return null;
    }

    // An escaped half of a surrogate pair in a name is reported by throwing.
    private static bool TryGetName(JsonProperty entry, out string name)
    {
        try
        {
            name = entry.Name;
            return true;
        }
        catch (InvalidOperationException)
        {
            name = "";
            return false;
        }
    }

    [LoggerMessage(3100, LogLevel.Debug, "A token's claim '{Claim}' allows nothing: it {Problem}.")]
    private static partial void LogMalformed(ILogger logger, string claim, string problem);
}
