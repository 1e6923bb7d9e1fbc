using System.Globalization;

namespace Realtime.Client.Connecting;

/// <summary>Who is to blame that a WebSocket did not come about.</summary>
internal enum Blame
{
    /// <summary>The server, the network, or nobody can tell.</summary>
    Server,

    /// <summary>Something on the way may have cut it.</summary>
    Cut,

    /// <summary>Somebody has answered, and refused it.</summary>
    Refusal,
}

/// <summary>Why there is no connection any more, or none yet.</summary>
/// <param name="Code">The close code, or the HTTP status of a refused handshake; 0 when there was none.</param>
/// <param name="Reason">The server's words, or what else went wrong.</param>
internal readonly record struct Loss(int Code, string Reason)
{
    public const int TooBig = 1009;
    public const int Cut = 1006;
    public const int Replaced = 4001;

    /// <summary>The close code of a server that stops; its reason ends with how long to stay away, so that its clients do not all come at once.</summary>
    private const int GoingAway = 1001;

    private const int TokenExpired = 4003;

    /// <summary>The longest wait that a server can ask for: twice the longest time over which one closes its connections.</summary>
    private static readonly TimeSpan s_maxHint = TimeSpan.FromMinutes(20);

    /// <summary>What "after a while" is at the least, after close codes by which the server says that it is in trouble.</summary>
    private static readonly TimeSpan s_while = TimeSpan.FromSeconds(1);

    /// <summary>Whether coming back by itself would only repeat the refusal.</summary>
    public bool IsFinal { get; init; }

    /// <summary>How long to stay away at the least, by the server's words.</summary>
    public TimeSpan? Hint { get; init; }

    /// <summary>Whether it was a frame of the server's that was too long, and none of ours.</summary>
    public bool WasReceived { get; init; }

    /// <summary>Who is to blame that there is no connection.</summary>
    public Blame Blames { get; init; }

    /// <summary>Whether it is the client's own wish to come back, which waits for nothing.</summary>
    public bool IsWanted { get; init; }

    /// <summary>The end of an open connection by a close frame.</summary>
    /// <param name="canRenew">Whether there can be another token.</param>
    public static Loss Closed(int code, string? reason, bool canRenew)
    {
        var final = Final(code);
        return new(code, string.IsNullOrEmpty(reason) ? final ?? "" : reason)
        {
            IsFinal = final is not null && !(code == TokenExpired && canRenew),
            Hint = code == GoingAway ? HintIn(reason) : null,
        };
    }

    /// <summary>The wait before the next attempt.</summary>
    public TimeSpan Wait(int attempt, RealtimeClientOptions options) =>
        IsWanted ? TimeSpan.Zero
            : Hint is { } hint
            ? (hint < s_maxHint ? hint : s_maxHint) + Backoff(0, options)
            : (Code is 1011 or 1013 or 4006 ? s_while : TimeSpan.Zero) + Backoff(attempt, options);

    /// <summary>Full jitter: uniform between nothing and a bound that doubles, so that clients that were cut off together do not come back together.</summary>
    public static TimeSpan Backoff(int attempt, RealtimeClientOptions options) =>
        Random.Shared.NextDouble() * TimeSpan.FromMilliseconds(Math.Min(options.RetryMax.TotalMilliseconds, options.RetryBase.TotalMilliseconds * Math.Pow(2, attempt)));

    /// <summary>Close codes after which a client does not come back by itself, with words for those that have no reason.</summary>
    private static string? Final(int code) => code switch
    {
        1000 => "The server has ended the connection.",
        1002 => "The server says that this client broke the WebSocket protocol.",
        1003 => "The server does not take such data.",
        1007 => "The server says that a text was not UTF-8.",
        1008 => "The server ended the connection for a breach of its rules.",
        Replaced => "This connection was replaced by a newer one.",
        4002 => "The server disconnected you.",
        TokenExpired => "Your sign-in has expired.",
        _ => null,
    };

    /// <summary>The time at the end of a reason, <c>server shuts down; retry after 734 ms</c>.</summary>
    private static TimeSpan? HintIn(string? reason)
    {
        const string before = "retry after ";
        const string after = " ms";
        if (reason is null || !reason.EndsWith(after, StringComparison.Ordinal))
            return null;
        var at = reason.LastIndexOf(before, StringComparison.Ordinal);
        if (at < 0 || (at > 0 && char.IsLetterOrDigit(reason[at - 1])))
            return null;
        var digits = reason.AsSpan(at + before.Length, Math.Max(0, reason.Length - after.Length - at - before.Length));
        if (digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9'))
            return null;
        return double.Parse(digits, CultureInfo.InvariantCulture) is var ms && ms < s_maxHint.TotalMilliseconds ? TimeSpan.FromMilliseconds(ms) : s_maxHint;
    }
}
