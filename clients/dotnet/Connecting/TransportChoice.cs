namespace Realtime.Client.Connecting;

/// <summary>Whether WebSockets pass, as far as the client has seen, or whether it does without. For the loop and what looks beside it.</summary>
/// <param name="canDoWithout">Whether there is another way.</param>
internal sealed class TransportChoice(bool canDoWithout)
{
    /// <summary>WebSockets in a row that were cut, after which it is done without.</summary>
    private const int Tries = 3;

    /// <summary>A connection that lived so long was a good one.</summary>
    public static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(5);

    /// <summary>About how soon it looks for the first time whether WebSockets pass: it may have been the server that was away.</summary>
    private static readonly TimeSpan s_firstLook = TimeSpan.FromSeconds(10);

    private volatile int _cuts;
    private volatile bool _hasLooked;

    /// <summary>Whether there is another way, for when this one is refused.</summary>
    public bool CanDoWithout => canDoWithout;

    /// <summary>Whether the next connection is to be one without a WebSocket.</summary>
    public bool IsWithout => canDoWithout && _cuts >= Tries;

    /// <summary>A WebSocket did not come about, or was cut.</summary>
    public void Cut() => _cuts = Math.Min(_cuts + 1, Tries);

    /// <summary>Somebody on the way refuses WebSockets, and sessions without one pass.</summary>
    public void Refused() => _cuts = Tries;

    /// <summary>Nothing passes: from now on it tries one of each in turn.</summary>
    public void NothingPasses() => _cuts = Tries - 1;

    public void WebSocketsPass() => (_cuts, _hasLooked) = (0, false);

    public void LookedInVain() => _hasLooked = true;

    /// <summary>The time until it looks again, spread for all those who were cut off together.</summary>
    public TimeSpan UntilLook(TimeSpan again) => (_hasLooked || again < s_firstLook ? again : s_firstLook) * (0.5 + Random.Shared.NextDouble());

    /// <summary>A WebSocket has ended. A server that ends one says so; what is cut otherwise, before it was of any use, something on the way has cut.</summary>
    public void Ended(in Loss loss, TimeSpan lived, bool hasHeard)
    {
        if (loss.Code is not (0 or Loss.Cut) || (hasHeard && lived >= StableAfter))
            _cuts = 0;
        else
            Cut();
    }
}
